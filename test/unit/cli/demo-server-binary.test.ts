// Finding and installing a server, with package managers made of shell scripts in folders of the test's own.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { PACKAGE_MANAGERS, suggestion } from '../../../src/cli/local-server/package-manager.js';
import { ensureServerBinary, findServerBinary } from '../../../src/cli/local-server/server-binary.js';
import { withFolder } from '../../support/folder.js';

const SERVER = 'echo "Redis server v=7.0.15 sha=0"';

/** A folder with these executables; `/bin` beside it, for what the scripts themselves need, holds no server here. */
async function folderWith(t: Test, scripts: Record<string, string>): Promise<string> {
  const folder = withFolder(t, 'spillway-test-');
  for (const [name, script] of Object.entries(scripts)) await executable(path.join(folder, name), script);
  return folder;
}

function executable(file: string, script: string): Promise<void> {
  return writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** A package manager that brings a server into the folder when it is asked to install `name`. */
function bringing(name: string): string {
  const server = `printf '#!/bin/sh\\n${SERVER}\\n'`;
  return `case "$*" in *"install"*" ${name}") ${server} > "$(dirname "$0")/redis-server"; /bin/chmod 755 "$(dirname "$0")/redis-server";; *update*) ;; *) echo "E: no package"; exit 100;; esac`;
}

/** The scripts call dirname: /usr/bin must be on their PATH, but not among the folders that are searched. */
function withTools(script: string): string {
  return `PATH=/usr/bin:/bin\n${script}`;
}

function asUser(t: Test, uid: number): void {
  const real = process.getuid;
  process.getuid = () => uid;
  t.teardown(() => {
    if (real !== undefined) process.getuid = real;
  });
}

t.beforeEach((t) => {
  const named = process.env.SPILLWAY_REDIS_SERVER;
  delete process.env.SPILLWAY_REDIS_SERVER;
  t.teardown(() => {
    if (named !== undefined) process.env.SPILLWAY_REDIS_SERVER = named;
    else delete process.env.SPILLWAY_REDIS_SERVER;
  });
});

t.test('finds redis-server first, then valkey-server, then a tool that is a server, too', async (t) => {
  const valkey = await folderWith(t, { 'valkey-server': SERVER });
  const redis = await folderWith(t, { 'redis-server': SERVER });
  const tools = await folderWith(t, { 'redis-check-rdb': SERVER });
  t.equal(await findServerBinary([tools, valkey, redis]), path.join(redis, 'redis-server'));
  t.equal(await findServerBinary([tools, valkey]), path.join(valkey, 'valkey-server'));
  t.equal(await findServerBinary([tools]), path.join(tools, 'redis-check-rdb'));
});

t.test('takes nothing that does not say that it is a server', async (t) => {
  const folder = await folderWith(t, {
    'redis-check-rdb': 'echo "redis-check-rdb 7.0.15"',
    'valkey-server': 'exit 1',
  });
  t.equal(await findServerBinary([folder, '/nonexistent']), undefined);
});

t.test('SPILLWAY_REDIS_SERVER wins, and is never silently ignored', async (t) => {
  const folder = await folderWith(t, { 'redis-server': SERVER, mine: SERVER });
  process.env.SPILLWAY_REDIS_SERVER = path.join(folder, 'mine');
  t.equal(await findServerBinary([folder]), path.join(folder, 'mine'));
  process.env.SPILLWAY_REDIS_SERVER = path.join(folder, 'gone');
  await t.rejects(findServerBinary([folder]), { code: 'ERR_SERVER_BINARY', message: /gone/ });
  process.env.SPILLWAY_REDIS_SERVER = '';
  t.equal(await findServerBinary([folder]), path.join(folder, 'redis-server'));
});

t.test('installs what is missing, and says each command first', async (t) => {
  asUser(t, 0);
  const folder = await folderWith(t, { 'apt-get': withTools(bringing('redis-tools')) });
  const said: string[] = [];
  t.equal(await ensureServerBinary((line) => said.push(line), [folder]), path.join(folder, 'redis-server'));
  t.match(said, [
    /installing one with apt-get/,
    /Running: apt-get .*update/,
    /Running: apt-get .*install .*redis-tools/,
    /Installed: /,
  ]);
});

t.test('says nothing and runs nothing when a server is there', async (t) => {
  const folder = await folderWith(t, { 'redis-server': SERVER, 'apt-get': 'exit 1' });
  const said: string[] = [];
  t.equal(await ensureServerBinary((line) => said.push(line), [folder]), path.join(folder, 'redis-server'));
  t.same(said, []);
});

t.test('a stale package list is no reason to give up', async (t) => {
  asUser(t, 0);
  const script = `case "$*" in *update) exit 100;; esac\n${bringing('redis-tools')}`;
  const folder = await folderWith(t, { 'apt-get': withTools(script) });
  t.equal(await ensureServerBinary(() => {}, [folder]), path.join(folder, 'redis-server'));
});

t.test('tries the next package, and in the end says what failed and what to do', async (t) => {
  asUser(t, 0);
  const second = await folderWith(t, { 'apt-get': withTools(bringing('valkey-tools')) });
  t.equal(await ensureServerBinary(() => {}, [second]), path.join(second, 'redis-server'));
  const none = await folderWith(t, { 'apt-get': withTools(bringing('nothing')) });
  await t.rejects(
    ensureServerBinary(() => {}, [none]),
    {
      code: 'ERR_INSTALL_FAILED',
      message: /E: no package[\s\S]*by hand, or point SPILLWAY_REDIS_SERVER/,
    },
  );
});

t.test('without root: through a sudo that does not ask, else instructions', async (t) => {
  asUser(t, 1000);
  const sudo = withTools(
    '[ "$1" = -n ] || exit 1; shift; [ "$1" = true ] && exit 0; folder=$(dirname "$0"); command=$1; shift; "$folder/$command" "$@"',
  );
  const able = await folderWith(t, { 'apt-get': withTools(bringing('redis-tools')), sudo });
  const said: string[] = [];
  t.equal(await ensureServerBinary((line) => said.push(line), [able]), path.join(able, 'redis-server'));
  t.match(said.join('\n'), /Running: \S*sudo -n apt-get/);
  const asking = await folderWith(t, { 'apt-get': withTools(bringing('redis-tools')), sudo: 'exit 1' });
  await t.rejects(
    ensureServerBinary(() => {}, [asking]),
    {
      code: 'ERR_NO_PRIVILEGE',
      message: /Run "sudo apt-get .*redis-tools"/,
    },
  );
});

t.test('Homebrew wants no root', async (t) => {
  asUser(t, 1000);
  const folder = await folderWith(t, { brew: withTools(bringing('redis')) });
  t.equal(await ensureServerBinary(() => {}, [folder]), path.join(folder, 'redis-server'));
});

t.test('no package manager: says what was looked for', async (t) => {
  await t.rejects(
    ensureServerBinary(() => {}, [await folderWith(t, {})]),
    {
      code: 'ERR_NO_PACKAGE_MANAGER',
      message: /apt-get, dnf, yum, apk, pacman, zypper, brew/,
    },
  );
});

t.test('every package manager has a plan that asks nothing, and a suggestion', async (t) => {
  for (const manager of PACKAGE_MANAGERS) {
    t.ok(manager.plans.length > 0 && manager.plans.every((plan) => plan.length > 0), manager.name);
    for (const { command, args } of manager.plans.flat()) {
      t.equal(command, manager.name);
      t.notMatch(args.join(' '), /systemctl|service|start/, 'no service is touched');
    }
    t.equal(suggestion(manager).startsWith('sudo '), manager.needsRoot, suggestion(manager));
  }
});
