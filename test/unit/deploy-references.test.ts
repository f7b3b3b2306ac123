// What the files of deploy/ name in each other is there: a label, a port, a volume, a host or an image that exists
// nowhere passes every schema, and is found when it is too late. Their content by itself: integration/deploy.test.ts.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { deployManifests } from '../support/manifests.js';

const ROOT = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

type Labels = Readonly<Record<string, string>>;
interface Port {
  readonly name: string;
  readonly containerPort: number;
}
interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly Port[];
  readonly volumeMounts?: readonly { readonly name: string }[];
  readonly securityContext?: object;
}
interface Pod {
  readonly securityContext?: object;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly topologySpreadConstraints?: readonly {
    readonly labelSelector: { readonly matchLabels: Labels };
  }[];
}
interface Manifest {
  readonly kind: string;
  readonly data?: Labels;
  readonly spec?: {
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels: Labels };
    readonly ports?: readonly { readonly targetPort: string }[];
    readonly ingress?: readonly { readonly ports: readonly { readonly port: string }[] }[];
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod };
  };
}

for (const { file, manifests } of deployManifests<Manifest>()) {
  const template = manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template;
  // A monitor alone is for the pods of standalone.yaml: below.
  if (template === undefined) continue;
  const pod = template.spec;
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  const spillway = containers.find(({ name }) => name === 'spillway') as Container;
  const named = new Set(spillway.ports?.map(({ name }) => name));

  t.test(`${file}: every selector is for these pods`, async (t) => {
    const selectors = manifests.flatMap(({ kind, spec }) => {
      // By the labels of the service, which the chart's own test looks at.
      if (kind === 'ServiceMonitor') return [];
      const { selector, podSelector } = spec ?? {};
      return [selector?.matchLabels ?? selector ?? [], podSelector?.matchLabels ?? []].flat();
    });
    for (const { labelSelector } of pod.topologySpreadConstraints ?? [])
      selectors.push(labelSelector.matchLabels);
    t.ok(selectors.length > 0);
    const { labels } = template.metadata;
    for (const selector of selectors) t.same({ ...labels, ...selector }, labels);
  });

  t.test(`${file}: every port that is named has that name`, async (t) => {
    for (const { spec } of manifests) {
      const ports = spec?.ports?.map(({ targetPort }) => targetPort) ?? [];
      const allowed = spec?.ingress?.flatMap((rule) => rule.ports.map(({ port }) => port)) ?? [];
      for (const port of [...ports, ...allowed]) t.ok(named.has(port), port);
    }
    t.ok(named.size > 0);
  });

  t.test(`${file}: every volume is mounted, and none that is not there`, async (t) => {
    const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
    t.same([...new Set(mounted)].sort(), pod.volumes.map(({ name }) => name).sort());
  });

  t.test(`${file}: few rights, and the image of this version`, async (t) => {
    t.match(
      { ...pod.securityContext, ...spillway.securityContext },
      {
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    );
    const tag =
      file === 'the chart with everything on'
        ? 'registry.example:5000/spillway:1.2.3'
        : `redis-spillway:${version}`;
    t.equal(spillway.image, tag);
  });

  t.test(`${file}: the variables, which win, say what the file says`, async (t) => {
    const text = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['proxy.config.json'];
    const config = JSON.parse(text ?? '') as { listen?: string; admin?: { listen: string } };
    const env = new Map(spillway.env?.map(({ name, value }) => [name, value]));
    // The chart leaves them to the variables.
    if (config.listen) t.equal(env.get('SPILLWAY_LISTEN'), config.listen);
    if (config.admin) t.equal(env.get('SPILLWAY_ADMIN'), config.admin.listen);
    for (const app of pod.containers.filter((container) => container !== spillway))
      t.same(app.env, [{ name: 'REDIS_URL', value: urlOf(config.listen ?? '') }], 'the app comes through it');
  });
}

/** What a client calls the place where Spillway listens. */
function urlOf(listen: string): string {
  return listen.startsWith('unix:') ? `unix://${listen.slice('unix:'.length)}` : `redis://${listen}`;
}

t.test('compose: every name in it is a service, and every place is mounted', async (t) => {
  interface Service {
    readonly image: string;
    readonly environment?: Labels;
    readonly volumes?: readonly string[];
    readonly depends_on?: object;
  }
  const compose = parse(read('deploy/compose/compose.yaml')) as {
    services: Record<'redis' | 'spillway' | 'prometheus' | 'grafana', Service>;
    volumes: object;
  };
  const { services } = compose;
  const places = ({ volumes = [] }: Service) =>
    volumes.map((volume) => volume.split(':') as [string, string]);

  const upstream = new URL(services.spillway.environment?.SPILLWAY_UPSTREAM ?? '');
  t.ok(upstream.hostname in services);
  const file = JSON.parse(read('deploy/compose/spillway/proxy.config.json')) as { upstream: { url: string } };
  t.equal(file.upstream.url, upstream.href, 'the file says the same');
  t.equal(services.spillway.image, `redis-spillway:${version}`);

  const scrape = parse(read('deploy/compose/prometheus.yml')) as {
    rule_files: string[];
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const adminPort = services.spillway.environment?.SPILLWAY_ADMIN?.split(':')[1];
  t.same(
    scrape.scrape_configs.flatMap((each) => each.static_configs.flatMap(({ targets }) => targets)),
    [`spillway:${adminPort}`],
  );
  const inPrometheus = new Map(places(services.prometheus).map(([from, to]) => [to, from]));
  t.equal(inPrometheus.get('/etc/prometheus/prometheus.yml'), './prometheus.yml', 'where the image looks');
  for (const rules of scrape.rule_files)
    t.equal(inPrometheus.get(`/etc/prometheus/${rules}`), `../prometheus/${rules}`);

  const provisioning = 'deploy/compose/grafana/provisioning';
  const { datasources } = parse(read(`${provisioning}/datasources/prometheus.yml`)) as {
    datasources: { type: string; url: string; isDefault: boolean }[];
  };
  t.same(
    datasources.map(({ type, url, isDefault }) => ({ type, url, isDefault })),
    [{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }],
  );
  const { providers } = parse(read(`${provisioning}/dashboards/spillway.yml`)) as {
    providers: { options: { path: string } }[];
  };
  const inGrafana = new Map(places(services.grafana).map(([from, to]) => [to, from]));
  t.equal(inGrafana.get('/etc/grafana/provisioning'), './grafana/provisioning', 'where the image looks');
  t.same(
    providers.map(({ options }) => inGrafana.get(options.path)),
    ['../grafana'],
  );

  for (const service of Object.values(services))
    for (const [from] of places(service)) t.ok(from.startsWith('.') || from in compose.volumes, from);
});
