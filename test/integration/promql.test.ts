// Holds deploy/prometheus and deploy/grafana to what a real proxy really exports: every metric, label and label value
// that an alert or a panel asks for is there. That the alerts fire when they should is npm run test:deploy.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { SENTINEL_STATES } from '../../src/observe/snapshots/failover.js';
import { METRIC_GROUPS, METRIC_PREFIX } from '../../src/surfaces/admin/metric-groups.js';
import { Authority } from '../support/certificates.js';
import { readExposition, readPromql } from '../support/promql.js';
import { withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

/** What Prometheus itself adds to every line of a target. */
const TARGET_LABELS = ['job', 'instance'];
/** Lines only in front of Sentinels: admin-metrics.test.ts has their labels. */
const ONLY_FOLLOWED = [
  'spillway_failovers_total',
  'spillway_sentinels',
  'spillway_failover_paused',
  'spillway_failover_pause_seconds',
];
/** Lines only during a rehearsal: admin-metrics.test.ts has their labels. */
const ONLY_REHEARSED = ['spillway_rehearsal_evict_keys', 'spillway_rehearsal_evict_bytes'];
/** They take ten seconds of readings, or a minute until a sweep; they have no labels. */
const NO_LINE_YET = [
  'spillway_time_to_full_seconds',
  'spillway_time_to_full_unrefused_seconds',
  'spillway_memory_growth_bytes_per_second',
  'spillway_sweep_last_success_timestamp_seconds',
];

interface Alerts {
  groups: {
    rules: {
      alert: string;
      expr: string;
      for: string;
      labels: object;
      annotations: Record<string, string>;
    }[];
  }[];
}

interface Dashboard {
  panels: {
    id: number;
    type: string;
    title: string;
    datasource: object;
    gridPos: { x: number; y: number; w: number; h: number };
    targets?: {
      expr: string;
      legendFormat: string;
      datasource: object;
      instant?: boolean;
      range?: boolean;
    }[];
  }[];
  templating: { list: { name: string; type: string; query: { query: string } }[] };
}

function readDeploy(file: string): string {
  return readFileSync(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
}

const alerts = (parse(readDeploy('prometheus/alerts.yml')) as Alerts).groups.flatMap(({ rules }) => rules);

/** A single value is what holds now: the last one of a range is shown for hours after its proxy has ended. */
const ASKED: Readonly<Record<string, { instant: boolean; range: boolean }>> = {
  stat: { instant: true, range: false },
  table: { instant: true, range: false },
};

/** Begins each runbook_url, until its reader puts an own address there. */
const PLACEHOLDER = 'https://example.com/spillway/';

interface AlertTests {
  tests: { promql_expr_test?: { eval_time: string; exp_samples: { labels: string }[] }[] }[];
}

const alertTests = (parse(readDeploy('prometheus/alerts.test.yml')) as AlertTests).tests;

/** What alerts.test.yml shows of an alert: times at which it fires, and a later one in the same test at which it does not. */
function seen(alert: string): { fires: boolean; clears: boolean } {
  const shown = alertTests.map(({ promql_expr_test: looks = [] }) =>
    looks.map(({ exp_samples }) => exp_samples.some(({ labels }) => labels.includes(`alertname="${alert}"`))),
  );
  return {
    fires: shown.some((looks) => looks.includes(true)),
    clears: shown.some((looks) => looks.includes(true) && looks.at(-1) === false),
  };
}

const LIMIT = { writes: '1000/s', bytes: '1mb/s' };

/** /metrics of a proxy with all that has lines of its own: rules, shared connections, TLS. */
async function scrape(): Promise<Map<string, Map<string, Set<string>>>> {
  const authority = await Authority.create(t);
  const files = await authority.issue('both');
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const proxy = await withProxy(t, {
    redis,
    config: {
      listenTls: files,
      upstream: { pool: 'command' },
      sweep: { every: '24h' },
      rules: [{ name: 'a', match: 'a:*', ttl: '1m', budget: '1mb', limit: LIMIT, evict: true }],
    },
    // Nothing is told: memory is calm.
    secrets: { alertsWebhook: 'http://127.0.0.1:9/' },
  });
  const direct = await withRaw(t, redis.port);
  await direct.call('SET', 'a:1', 'x');
  const read = async () => (await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`)).text();
  // What the keys of a rule hold is known after the first samples.
  await until(async () => (await read()).includes('spillway_rule_memory_bytes{'), { timeoutMs: 30_000 });
  return readExposition(`${await read()}\nup 1\n`);
}

const metrics = await scrape();
// This proxy follows no primary.
metrics.set('spillway_sentinels', new Map([['state', new Set<string>(SENTINEL_STATES)]]));

/** What of an expression a scrape does not have; empty: all is there. */
function missing(expression: string): string[] {
  const { selectors, grouping } = readPromql(expression);
  const known = new Set(TARGET_LABELS);
  const problems = selectors.flatMap(({ metric, matchers }) => {
    const labels = metrics.get(metric);
    if (labels === undefined) return [`no metric ${metric}`];
    for (const label of labels.keys()) known.add(label);
    return matchers.flatMap(({ label, op, value }) => {
      if (TARGET_LABELS.includes(label)) return [];
      const values = labels.get(label);
      if (values === undefined) return [`${metric} has no label ${label}`];
      if (value.includes('$')) return [];
      const wanted = op === '=~' || op === '!~' ? value.split('|') : [value];
      return wanted.filter((v) => !values.has(v)).map((v) => `${metric} has no ${label}="${v}"`);
    });
  });
  return [...problems, ...grouping.filter((l) => !known.has(l)).map((l) => `nothing has the label ${l}`)];
}

t.test('a metric or label that does not exist is found', async (t) => {
  t.same(missing('rate(spillway_shed_total{rule="a"}[5m]) > 0'), []);
  t.same(missing('spillway_sheds_total > 0'), ['no metric spillway_sheds_total']);
  t.same(missing('spillway_clients{rule="a"}'), ['spillway_clients has no label rule']);
  t.same(missing('spillway_workers{state=~"running|asleep"}'), ['spillway_workers has no state="asleep"']);
  t.same(missing('sum by (key) (spillway_clients)'), ['nothing has the label key']);
  t.throws(() => missing('rate(spillway_shed_total[5m]) >'), /not PromQL/);
});

t.test('only what needs time has no line', async (t) => {
  for (const name of NO_LINE_YET) t.equal(metrics.get(name)?.size, 0, name);
});

t.test('every line has the labels that docs/METRICS.md tells of', async (t) => {
  for (const [type, name, , { labels }] of METRIC_GROUPS.flatMap((group) => group.metrics)) {
    const full = METRIC_PREFIX + name;
    const lines = metrics.get(type === 'histogram' ? `${full}_bucket` : full);
    if (![...NO_LINE_YET, ...ONLY_FOLLOWED, ...ONLY_REHEARSED].includes(full))
      t.same([...(lines?.keys() ?? [])].sort(), [...labels].sort(), full);
  }
});

t.test('alerts ask for what there is, and say what to do', async (t) => {
  t.ok(alerts.length > 10);
  for (const { alert, expr, for: wait, labels, annotations } of alerts) {
    t.match(alert, /^Spillway[A-Z]\w+$/);
    t.same(missing(expr), [], alert);
    t.match(wait, /^\d+[smh]$/, `${alert} says for how long`);
    t.match(labels, { severity: /^(warning|critical)$/ }, alert);
    t.ok(annotations.summary && annotations.description, `${alert} is described`);
    t.equal(annotations.runbook_url, `${PLACEHOLDER}docs/OPERATIONS.md#${alert.toLowerCase()}`);
    t.notMatch(JSON.stringify(annotations), /humanize\s*\}/, `${alert} says no "277.5m"`);
    const { fires, clears } = seen(alert);
    t.ok(fires, `${alert} is seen to fire`);
    t.ok(clears, `${alert} is seen to clear`);
  }
  t.match(readDeploy('README.md'), `sed -i 's#${PLACEHOLDER}#`, 'how to replace the placeholder');
  const guide = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const headings = [...guide.matchAll(/^### (Spillway\w+)$/gm)].map(([, name]) => name);
  t.same(
    headings.sort(),
    alerts.map(({ alert }) => alert).sort(),
    'docs/OPERATIONS.md has a heading for each',
  );
});

t.test(
  'the dashboard asks for what there is, of the data source and the instances that are chosen',
  async (t) => {
    const { panels, templating } = JSON.parse(readDeploy('grafana/spillway.json')) as Dashboard;
    const variables = templating.list.map(({ name }) => name);
    t.same(variables, ['datasource', 'job', 'instance']);
    for (const { name, query } of templating.list.filter(({ type }) => type === 'query')) {
      const [, metric = '', label] = /^label_values\((.+), (\w+)\)$/.exec(query.query) ?? [];
      t.same(missing(metric), [], `variable ${name}`);
      t.ok(TARGET_LABELS.includes(label ?? ''), `variable ${name}`);
    }

    const cells = new Set<string>();
    for (const { title, type, gridPos: at, datasource, targets = [] } of panels) {
      t.ok(at.x + at.w <= 24, `${title} is inside the grid`);
      for (let x = at.x; x < at.x + at.w; x++) {
        for (let y = at.y; y < at.y + at.h; y++) {
          t.notOk(cells.has(`${x} ${y}`), `${title} lies over no other panel`);
          cells.add(`${x} ${y}`);
        }
      }
      if (type === 'row') continue;
      t.not(targets.length, 0, `${title} shows something`);
      for (const from of [datasource, ...targets.map((target) => target.datasource)]) {
        t.same(from, { type: 'prometheus', uid: '$' + '{datasource}' }, title);
      }
      for (const { expr, legendFormat, instant = false, range = false } of targets) {
        t.same(missing(expr), [], title);
        t.same(
          { instant, range },
          ASKED[type] ?? { instant: false, range: true },
          `${title}: asked for now or for a time`,
        );
        t.notMatch(expr, /^sum.*distinct_keys/, 'proxies see the same keys');
        for (const { metric, matchers } of readPromql(expr).selectors) {
          const chosen = matchers.map(({ label, op, value }) => `${label}${op}${value}`);
          t.match(chosen.join(), 'job=~$job,instance=~$instance', `${title}: ${metric}`);
        }
        const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
        for (const label of shown) t.ok(resultLabels(expr).has(label), `${title}: ${label} is in the result`);
      }
    }
    t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids are unique');
  },
);

/** Labels that the lines of a result can have: what they are grouped by, or all of the metric. */
function resultLabels(expression: string): Set<string> {
  const { selectors, grouping } = readPromql(expression);
  if (/^(sum|max|min|avg|histogram_quantile)\b/.test(expression)) return new Set(grouping);
  return new Set([...TARGET_LABELS, ...selectors.flatMap(({ metric }) => [...metrics.get(metric)!.keys()])]);
}
