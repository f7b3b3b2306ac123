// `spillway check`: validates the configuration and prints the effective one.
// Starts nothing and connects nowhere. Prints no secrets: describeConfig redacts them.
import { describeConfig } from '../config/describe.js';
import { ConfigError } from '../config/error.js';
import { type ConfigSources, loadConfig } from '../config/load.js';
import { complain, ExitCode } from './exit.js';

/**
 * @param json true: one JSON document on standard output, with the problems
 * @returns 0 or 78
 */
export function check(sources: ConfigSources, json: boolean): ExitCode {
  try {
    const { config, file, warnings } = loadConfig(sources);
    const effective = describeConfig(config);
    if (json) {
      print(JSON.stringify({ ok: true, file: file ?? null, warnings, config: effective }, null, 2));
      return ExitCode.OK;
    }
    for (const warning of warnings) complain(`warning: ${warning}`);
    print(`${file ?? 'defaults'}: valid\n\n${outline(effective)}`);
    return ExitCode.OK;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { code, source, problems } = error;
    if (json) print(JSON.stringify({ ok: false, code, source, problems }, null, 2));
    else complain(error.message);
    return ExitCode.CONFIG;
  }
}

/** Nested settings as indented lines; small lists stay on theirs, as in the file. */
function outline(value: object, indent = ''): string {
  return Object.entries(value)
    .map(([key, inner]) => {
      if (Array.isArray(inner) && inner.some((item) => typeof item === 'object')) {
        return `${indent}${key}\n${inner.map((item) => `${indent}  ${oneLine(item)}`).join('\n')}`;
      }
      if (typeof inner === 'object' && !Array.isArray(inner))
        return `${indent}${key}\n${outline(inner, `${indent}  `)}`;
      return `${indent}${key.padEnd(16)} ${oneLine(inner)}`;
    })
    .join('\n');
}

/** A rule as `name=sessions match=session:* ttl=24h`; JSON for what is not plain. */
function oneLine(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return plain(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key}=${plain(inner)}`)
    .join('  ');
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(plain).join(' ');
  return typeof value === 'string' && /^[^\s"\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
