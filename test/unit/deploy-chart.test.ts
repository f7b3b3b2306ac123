// The Helm chart: its values against their schema, what each switch adds, its monitors against what they name. What it renders
// goes through the same tests as the plain manifests: unit/deploy-references, integration/deploy.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { parse } from 'yaml';
import { GoTemplates } from '../support/go-template.js';
import { CHART, chartManifests, EVERYTHING, mergedValues, renderChart } from '../support/helm-chart.js';
import { deployManifests } from '../support/manifests.js';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
  readonly data?: Record<string, string>;
  readonly spec?: {
    readonly selector?: { readonly matchLabels: Record<string, string> };
    readonly template?: { readonly metadata: { readonly labels: Record<string, string> } };
    readonly podMetricsEndpoints?: readonly Endpoint[];
    readonly endpoints?: readonly Endpoint[];
  };
}
interface Endpoint {
  readonly port: string;
  readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
  readonly relabelings: readonly { readonly targetLabel: string; readonly replacement: string }[];
}

const read = (file: string) => readFileSync(path.join(CHART, file), 'utf8');
const kinds = (over?: Record<string, unknown>) =>
  (chartManifests(over) as Manifest[]).map(({ kind }) => kind).sort();

t.test('values fit their schema, and slips do not', async (t) => {
  const valid = new Ajv({ strict: false }).compile(JSON.parse(read('values.schema.json')));
  for (const over of [{}, EVERYTHING]) t.ok(valid(mergedValues(over)), JSON.stringify(valid.errors));
  const slips = [
    { replicas: 3 },
    { replicaCount: 0 },
    { upstream: { url: 'redis:6379' } },
    { upstream: { url: 'redis://:secret@redis:6379' } },
    { config: { listen: '0.0.0.0:1' } },
    { service: { type: 'clusterip' } },
    { podMonitor: { enabled: true, interval: '15' } },
    { terminationGracePeriodSeconds: 10 },
  ];
  for (const slip of slips) t.notOk(valid(mergedValues(slip)), JSON.stringify(slip));
  const { properties } = JSON.parse(read('values.schema.json')) as { properties: object };
  for (const key of Object.keys(mergedValues())) t.ok(key in properties, `${key} is in the schema`);
});

t.test('the chart has the version of the program', async (t) => {
  const { version } = JSON.parse(readFileSync(path.join(CHART, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  t.match(parse(read('Chart.yaml')), { apiVersion: 'v2', version, appVersion: version });
});

t.test('each switch of the chart adds its own kind of object only', async (t) => {
  const base = ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Service'];
  t.same(kinds(), base);
  t.same(kinds({ podMonitor: { enabled: true } }), [...base, 'PodMonitor'].sort());
  t.same(kinds({ serviceMonitor: { enabled: true } }), [...base, 'ServiceMonitor'].sort());
  const off = { networkPolicy: { enabled: false }, podDisruptionBudget: { enabled: false } };
  t.same(kinds(off), ['ConfigMap', 'Deployment', 'Service', 'Service']);
});

t.test('values reach the config of the proxy as they are', async (t) => {
  const config = {
    mode: 'enforce',
    rules: [{ name: 'a', match: 'a:{x}"\\*', ttl: '1m' }],
    memory: { low: 0.5 },
  };
  const configMap = (chartManifests({ config }) as Manifest[]).find(({ kind }) => kind === 'ConfigMap');
  t.same(JSON.parse(configMap?.data?.['proxy.config.json'] ?? ''), config);
});

t.test('names are by the release, and not said twice', async (t) => {
  const names = (over: Record<string, unknown>) =>
    (chartManifests(over) as Manifest[]).map(({ metadata }) => metadata.name);
  t.same([...new Set(names({}))].sort(), ['shop-spillway', 'shop-spillway-admin']);
  t.same([...new Set(names({ nameOverride: 'shop' }))].sort(), ['shop', 'shop-admin']);
  t.match(renderChart().get('NOTES.txt'), 'redis://shop-spillway:6379');
  t.match(renderChart().get('NOTES.txt'), 'Spillway only observes');
  t.notMatch(renderChart({ config: { mode: 'enforce' } }).get('NOTES.txt'), 'only observes');
});

t.test(
  'monitors find what they are for, with the token and the job name that the alerts ask for',
  async (t) => {
    const all = deployManifests<Manifest>();
    const standalone = all.find(({ file }) => file === 'standalone.yaml')?.manifests ?? [];
    let seen = 0;
    for (const { file, manifests } of all) {
      const near = file === 'podmonitor.yaml' ? standalone : manifests;
      for (const { kind, spec } of manifests.filter((each) => each.kind.endsWith('Monitor'))) {
        seen++;
        const labels =
          kind === 'PodMonitor'
            ? near.map((each) => each.spec?.template?.metadata.labels)
            : near.filter((each) => each.kind === 'Service').map(({ metadata }) => metadata.labels);
        const wanted = Object.entries(spec?.selector?.matchLabels ?? {});
        const found = labels.filter((each) => each && wanted.every(([name, value]) => each[name] === value));
        t.equal(found.length, 1, `${file}: ${kind} selects one`);
        const [endpoint] = spec?.podMetricsEndpoints ?? spec?.endpoints ?? [];
        t.match(endpoint, {
          port: 'admin',
          path: '/metrics',
          authorization: { credentials: { name: 'spillway', key: 'admin-token' } },
          relabelings: [{ targetLabel: 'job', replacement: 'spillway' }],
        });
      }
    }
    t.equal(seen, 3);
  },
);

t.test('the renderer refuses what it does not know', async (t) => {
  const render = (source: string) =>
    new GoTemplates({ quote: (value) => JSON.stringify(value) }).render(source, { a: { b: 'x' }, n: [1, 2] });
  t.equal(render('{{ .a.b }}|{{- " y" }} {{ .a.b | quote -}} \n z'), 'x| y "x"z');
  t.equal(
    render('{{ range .n }}{{ . }},{{ else }}none{{ end }}{{ range .m }}{{ . }}{{ else }}none{{ end }}'),
    '1,2,none',
  );
  t.equal(render('{{ $x := .a }}{{ with $x.b }}{{ . }}{{ $.n | quote }}{{ end }}'), 'x[1,2]');
  t.equal(render('{{ if .m }}1{{ else if .a }}2{{ else }}3{{ end }}{{/* {{ */}}'), '2');
  for (const wrong of [
    '{{ .m }}',
    '{{ upper .a.b }}',
    '{{ if .a }}',
    '{{ end }}',
    '{{ .a.b .a.b }}',
    '{{ (.a.b }}',
    '{{ $y }}',
  ])
    t.throws(() => render(wrong), wrong);
});
