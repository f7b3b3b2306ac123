// Writes docs/CONFIG.md from the config schema, the table of flags and variables and the list of what a reload takes
// over; with --check writes nothing and exits 1 when the document differs. Says nothing that stands in none of them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isTakenOver } from '../src/config/changes.js';
import {
  AUTHORIZATION_VARIABLE,
  CONFIG_VARIABLE,
  PASSWORD_FILE_VARIABLE,
  PASSWORD_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE,
  SENTINEL_LISTEN_PASSWORD_VARIABLE,
  SENTINEL_PASSWORD_FILE_VARIABLE,
  SENTINEL_PASSWORD_VARIABLE,
  SETTINGS,
  TOKEN_VARIABLE,
  WEBHOOK_VARIABLE,
} from '../src/config/overrides.js';
import { configSchema } from '../src/config/schema.js';
import { DURATION_PATTERN, PERCENT_PATTERN, SIZE_PATTERN } from '../src/config/units.js';

const DOCUMENT = new URL('../docs/CONFIG.md', import.meta.url);

const HEAD = `<!-- Generated from src/config/ by scripts/generate-config.ts: change that instead. -->

# Configuration

The configuration is one JSON file. It may have comments (\`//\`, \`/* */\`). Every setting has a default, unless the table says
*required*. A key that is not listed here is an error. \`spillway check --config FILE\` validates a file without starting
anything.

- **Order.** A flag overrides an environment variable, which overrides the file. An empty variable counts as not set.
- **Reload.** "yes": a running proxy applies the setting when the file changes, on SIGHUP and on \`POST /api/reload\`. "restart":
  the setting applies from the next start; until then the log and \`GET /api/config\` name it.
- **Units.** Durations: \`"500ms"\`, \`"24h"\`, \`"1h30m"\`. Sizes: \`"64mb"\` (1024) or \`"64m"\` (1000), as in redis.conf. Shares:
  \`"80%"\`.

Variables that are not settings of the file:

| variable | meaning |
|---|---|
| \`${CONFIG_VARIABLE}\` | path of the file, as \`--config\` |
| \`${PASSWORD_VARIABLE}\` | the password of the memory monitor's connection, in place of the one in \`upstream.url\` |
| \`${PASSWORD_FILE_VARIABLE}\` | a file with that password |
| \`${SENTINEL_PASSWORD_VARIABLE}\` | the password of the Sentinels in \`redis-sentinel://\`, if they have one |
| \`${SENTINEL_PASSWORD_FILE_VARIABLE}\` | a file with that password |
| \`${SENTINEL_LISTEN_PASSWORD_VARIABLE}\` | the password that clients of \`sentinelListen\` must give |
| \`${SENTINEL_LISTEN_PASSWORD_FILE_VARIABLE}\` | a file with that password |
| \`${TOKEN_VARIABLE}\` | the token of the admin server, in place of \`admin.tokenFile\` |
| \`${WEBHOOK_VARIABLE}\` | the URL that alerts are posted to, in place of \`alerts.webhookFile\` |
| \`${AUTHORIZATION_VARIABLE}\` | the Authorization header of the alerts, in place of \`alerts.authorizationFile\` |
`;

type Node = z.core.JSONSchema.JSONSchema;

interface Row {
  readonly path: string;
  readonly node: Node;
  readonly required: boolean;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** The settings below `node`, in the schema's order; of a group, those in it. */
function* settingsOf(node: Node, above = ''): Generator<Row> {
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    if (!isNode(inner)) continue;
    const path = above + name;
    const entry = Array.isArray(inner.items) ? undefined : inner.items;
    yield { path, node: inner, required: node.required?.includes(name) === true };
    for (const group of [inner, ...(inner.anyOf ?? [])]) {
      if (isNode(group) && group.properties) yield* settingsOf(group, `${path}.`);
    }
    if (isNode(entry) && entry.properties) yield* settingsOf(entry, `${path}[].`);
  }
}

const QUANTITIES: Readonly<Record<string, string>> = {
  [DURATION_PATTERN]: 'duration',
  [PERCENT_PATTERN]: 'share',
  [SIZE_PATTERN]: 'size',
};

/** In words: what may stand there. */
function typeOf(node: Node): string {
  const quantity = node.pattern === undefined ? undefined : QUANTITIES[node.pattern];
  if (quantity !== undefined) return quantity;
  if (node.properties) return 'group';
  if (node.enum) return node.enum.map(quoted).join(', ');
  if (node.const !== undefined) return quoted(node.const);
  if (node.anyOf) return [...new Set(node.anyOf.filter(isNode).map(typeOf))].join(' or ');
  if (node.prefixItems) return 'pair of shares';
  if (node.type === 'array') return 'list';
  if (node.type === 'integer') return 'whole number';
  if (node.type === 'boolean') return 'true, false';
  return String(node.type);
}

function rangeOf(node: Node): string {
  if (node.$comment !== undefined) return node.$comment;
  for (const part of [node, ...(node.anyOf ?? [])]) {
    if (isNode(part) && part.type === 'integer' && part.maximum !== undefined) {
      return `${part.minimum} to ${part.maximum}`;
    }
  }
  return node.maxItems === undefined ? '' : `at most ${node.maxItems}`;
}

/** With settings of its own, whatever else may stand there. */
function isGroup(node: Node): boolean {
  return [node, ...(node.anyOf ?? [])].some((one) => isNode(one) && one.properties !== undefined);
}

function quoted(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function lineOf({ path, node, required }: Row): string {
  const setting = SETTINGS.find((one) => one.path.join('.') === path);
  const cells = [
    `\`${path}\``,
    typeOf(node),
    node.default === undefined || isGroup(node) ? (required ? 'required' : '') : quoted(node.default),
    rangeOf(node),
    [setting?.option, setting?.variable].flatMap((name) => (name ? [`\`${name}\``] : [])).join('<br>'),
    path === '$schema' || node.properties ? '' : isTakenOver(path.replace(/\[\].*/, '')) ? 'yes' : 'restart',
    node.description ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The text of docs/CONFIG.md. */
function generate(): string {
  const rows = [...settingsOf(z.toJSONSchema(configSchema, { io: 'input' }))];
  for (const { path, variable } of SETTINGS) {
    if (!rows.some((row) => row.path === path.join('.'))) throw new Error(`${variable} is for no setting`);
  }
  const table = [
    '| setting | type | default | range | flag, variable | reload | meaning |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(lineOf),
  ];
  return `${[HEAD.trimEnd(), '## Settings', table.join('\n')].join('\n\n')}\n`;
}

const text = generate();
if (!process.argv.includes('--check')) {
  writeFileSync(DOCUMENT, text);
} else if (!existsSync(DOCUMENT) || readFileSync(DOCUMENT, 'utf8') !== text) {
  console.error('docs/CONFIG.md is not up to date; run: npx tsx scripts/generate-config.ts');
  process.exitCode = 1;
}
