// Writes docs/METRICS.md from src/surfaces/admin/metric-groups/ and deploy/prometheus/alerts.yml; with --check writes nothing
// and exits 1 when the document differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { MetricRow } from '../src/surfaces/admin/metric-groups/metric-group.js';
import { METRIC_GROUPS, METRIC_PREFIX } from '../src/surfaces/admin/metric-groups.js';
import { LABELS, type Label } from '../src/surfaces/admin/metric-labels.js';

const ROOT = new URL('../', import.meta.url);
const DOCUMENT = new URL('docs/METRICS.md', ROOT);

const HEAD = `<!-- Generated from src/surfaces/admin/metric-groups/ by scripts/generate-metrics.ts: change that instead. -->

# Metrics

\`/metrics\` on the [admin address](API.md) serves these metrics in Prometheus's format. Names and labels are an API: they change
only with a major version. Names begin with \`${METRIC_PREFIX}\`. \`/metrics\` also has Node's own (\`process_…\`, \`nodejs_…\`), for the
first process only. With workers that process serves no clients; see [Workers](#workers).

- **Ready-made files.** [deploy/prometheus/prometheus.yml](../deploy/prometheus/prometheus.yml) scrapes them, and
  [alerts.yml](../deploy/prometheus/alerts.yml) has alerts (\`npm run test:deploy\` shows each alert firing and not firing).
  [deploy/grafana/spillway.json](../deploy/grafana/spillway.json) is a dashboard: import it in Grafana and choose the data
  source.
- **Workers.** The figures of all workers are added up. A counter does not go back when a worker ends.
- **Unknown values.** A metric has no line while its value is unknown: no memory limit, no TLS, no command pooling.
- **Number of lines.** No label names a key or a client, so the configuration bounds the number of lines. Only the label
  \`rule\` can have many values. A rule that a reload removes loses its lines.
`;

interface Alerts {
  groups: { rules: { alert: string; expr: string }[] }[];
}

const alerts = (
  parse(readFileSync(new URL('deploy/prometheus/alerts.yml', ROOT), 'utf8')) as Alerts
).groups.flatMap(({ rules }) => rules);

/** In words, by the name's end, as Prometheus names things. */
function unitOf([type, name]: MetricRow): string {
  if (name.includes('bytes_per_second')) return 'bytes a second';
  if (/_seconds(_total)?$/.test(name)) return 'seconds';
  if (/(?:^|_)bytes(_total)?$/.test(name)) return 'bytes';
  if (/_(ratio|share)$/.test(name)) return '0 to 1';
  return type === 'counter' ? 'count' : '';
}

function alertsOn(name: string): string {
  const word = new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`);
  const on = alerts.filter(({ expr }) => word.test(expr)).map(({ alert }) => alert);
  return on.map((alert) => `[${alert}](OPERATIONS.md#${alert.toLowerCase()})`).join(', ');
}

/** The text of docs/METRICS.md. */
function generate(): string {
  const groups = METRIC_GROUPS.map(({ heading, about, look, metrics }) => {
    const rows = metrics.map((row) => {
      const [type, name, help, { labels }] = row;
      const full = METRIC_PREFIX + name;
      const cells = [`\`${full}\``, type, unitOf(row), labels.join(', '), help, alertsOn(full)];
      return `| ${cells.join(' | ')} |`;
    });
    return [
      `## ${heading}`,
      `${about} Look here ${look}.`,
      ['| metric | type | unit | labels | meaning | alerts |', '|---|---|---|---|---|---|', ...rows].join(
        '\n',
      ),
    ].join('\n\n');
  });
  const used = new Set(
    METRIC_GROUPS.flatMap(({ metrics }) => metrics.flatMap(([, , , { labels }]) => labels)),
  );
  const labels = (Object.keys(LABELS) as Label[])
    .filter((label) => used.has(label))
    .map((label) => `| ${label} | ${LABELS[label]} |`);
  const bounds = ['## Labels', ['| label | values |', '|---|---|', ...labels].join('\n')];
  return `${[HEAD.trimEnd(), ...groups, ...bounds].join('\n\n')}\n`;
}

const text = generate();
if (!process.argv.includes('--check')) {
  writeFileSync(DOCUMENT, text);
} else if (!existsSync(DOCUMENT) || readFileSync(DOCUMENT, 'utf8') !== text) {
  console.error('docs/METRICS.md is not up to date; run: npx tsx scripts/generate-metrics.ts');
  process.exitCode = 1;
}
