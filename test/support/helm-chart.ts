// deploy/helm/spillway, rendered as `helm template` would, as far as the chart needs it: no helm is to be had from npm or
// Debian. Its templates are read by support/go-template; npm run test:deploy compares with Go's own engine and Sprig.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { GoTemplates, isEmpty } from './go-template.js';

export const CHART = fileURLToPath(new URL('../../deploy/helm/spillway', import.meta.url));

type Values = Record<string, unknown>;

/** What helm knows without asking a cluster. */
const RELEASE = { Name: 'shop', Namespace: 'default', Service: 'Helm' };

/** Values that switch on all that the defaults leave off. */
export const EVERYTHING: Values = {
  fullnameOverride: 'cache-guard',
  image: { tag: '1.2.3', repository: 'registry.example:5000/spillway' },
  imagePullSecrets: [{ name: 'registry' }],
  upstream: { url: 'rediss://app@redis.example:6380' },
  podAnnotations: { 'example.com/a': 'true' },
  podLabels: { team: 'shop' },
  podMonitor: { enabled: true, labels: { release: 'kube-prometheus-stack' } },
  serviceMonitor: { enabled: true, labels: { release: 'kube-prometheus-stack' } },
  service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
  extraEnv: [{ name: 'SPILLWAY_LOG_LEVEL', value: 'debug' }],
  nodeSelector: { 'kubernetes.io/arch': 'arm64' },
  tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
};

/** values.yaml under `over`, as helm lays them over each other: maps by key, all else whole. */
export function mergedValues(over: Values = {}): Values {
  return merge(parse(readFileSync(path.join(CHART, 'values.yaml'), 'utf8')) as Values, over);
}

function merge(under: Values, over: Values): Values {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isMap(before) && isMap(value) ? merge(before, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What templates see as `.`. */
export function chartContext(over: Values = {}): Values {
  const chart = parse(readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8')) as Values;
  const upper = Object.entries(chart).map(([key, value]) => [
    `${key[0]?.toUpperCase()}${key.slice(1)}`,
    value,
  ]);
  return { Values: mergedValues(over), Release: RELEASE, Chart: Object.fromEntries(upper) as Values };
}

const indent = (width: unknown, text: unknown): string =>
  String(text).replaceAll(/^/gm, ' '.repeat(Number(width)));

/** As Go writes maps: by key. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

const FUNCTIONS = {
  default: (otherwise: unknown, value: unknown) => (isEmpty(value) ? otherwise : value),
  quote: (value: unknown) => JSON.stringify(String(value)),
  printf: (format: unknown, ...values: unknown[]) =>
    String(format).replaceAll('%s', () => String(values.shift())),
  contains: (part: unknown, whole: unknown) => String(whole).includes(String(part)),
  eq: (a: unknown, b: unknown) => a === b,
  trunc: (length: unknown, text: unknown) => String(text).slice(0, Number(length)),
  trimSuffix: (end: unknown, text: unknown) =>
    String(text).endsWith(String(end)) ? String(text).slice(0, -String(end).length) : text,
  nindent: (width: unknown, text: unknown) => `\n${indent(width, text)}`,
  toYaml: (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd(),
  toPrettyJson: (value: unknown) => JSON.stringify(sorted(value), null, 2),
} as const;

/** The text of each template by its file's name, without helpers. */
export function renderChart(over: Values = {}): Map<string, string> {
  const templates = new GoTemplates(FUNCTIONS);
  const context = chartContext(over);
  const read = (file: string) => readFileSync(path.join(CHART, 'templates', file), 'utf8');
  const files = readdirSync(path.join(CHART, 'templates')).sort();
  for (const file of files.filter((name) => name.startsWith('_'))) templates.render(read(file), context);
  const whole = files.filter((name) => !name.startsWith('_'));
  return new Map(whole.map((file) => [file, templates.render(read(file), context)]));
}

/** The manifests of all templates, read as Kubernetes does: 0440 is octal. */
export function chartManifests(over: Values = {}): unknown[] {
  const rendered = [...renderChart(over)].filter(([file]) => file.endsWith('.yaml'));
  return rendered.flatMap(([file, text]) =>
    parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors.join('; ')}`);
      const manifest: unknown = document.toJS();
      return manifest === null ? [] : [manifest];
    }),
  );
}
