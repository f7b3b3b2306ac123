// Holds the table of errors that Spillway sends to clients (src/core/resp/client-errors.ts) and what is sent to each other:
// each row is provoked, and no other place in src holds the text of an error reply.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import ts from 'typescript';
import {
  CLIENT_ERRORS,
  type ClientErrorName,
  errorReply,
  errorText,
} from '../../src/core/resp/client-errors.js';
import { ConsoleLine } from '../../src/runtime/workers/console-line.js';
import { answerQuestions, type ConsoleSources } from '../../src/surfaces/console/console.js';
import { withMoving } from '../support/moving-lab.js';
import { withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { cmd, makeSession } from '../support/session-lab.js';
import { commands, lookAt } from '../support/twins.js';
import { until } from '../support/wait.js';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const TABLE = path.join(SRC, 'core/resp/client-errors.ts');

/** The text of an error reply: a code that Redis uses, and words behind it. */
const ERROR_TEXT =
  /^-?(ERR|OOM(?! errors)|NOAUTH|NOPERM|WRONGPASS|WRONGTYPE|EXECABORT|LOADING|BUSY|READONLY|MISCONF|MASTERDOWN|NOREPLICAS|MOVED|ASK|CLUSTERDOWN|TRYAGAIN|NOSCRIPT|UNKILLABLE|NOPROTO) \S/;

/** Texts that Spillway recognizes in what a server sends, and never sends itself. */
const RECOGNISED = new Set(['-ERR Protocol error', '-ERR max number of clients']);

/** It answers as a Sentinel does, at an address of its own: its errors are compared with a real Sentinel's. */
const SENTINEL_ENDPOINT = path.join('surfaces', 'sentinel', path.sep);

t.test('no other place in src has the text of an error reply', async (t) => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const found: string[] = [];
  for (const name of files) {
    const file = path.join(SRC, name);
    if (file === TABLE || name.startsWith(SENTINEL_ENDPOINT)) continue;
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
    const visit = (node: ts.Node): void => {
      const isText =
        ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node);
      if (isText && ERROR_TEXT.test(node.text) && !RECOGNISED.has(node.text))
        found.push(`${name}: ${node.text}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  t.ok(files.length > 200);
  t.same(found, []);
});

const DEFAULTS = { rules: [{ name: 'all', match: '*', ttl: '1h', priority: 'low' }] };

async function withPooled(t: Test, config: Record<string, unknown> = {}) {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, {
    redis,
    config: { ...DEFAULTS, ...config, upstream: { pool: 'command' } },
  });
  return { redis, client: await withRaw(t, proxy.port), proxy };
}

/** What a client gets that sends PROXY and these words. */
async function asked(t: Test, ...words: string[]): Promise<string> {
  const { client } = await withPooled(t);
  return String(await client.call('PROXY', ...words));
}

const PROVOKED: Record<ClientErrorName, (t: Test) => Promise<string>> = {
  async OOM(t) {
    // Redis itself has no limit here, so that the error is Spillway's.
    const redis = await withRedis(t);
    const memory = { limit: '2mb', pollInterval: '50ms' };
    const proxy = await withProxy(t, { redis, config: { ...DEFAULTS, memory } });
    const client = await withRaw(t, proxy.port);
    await (await lookAt(t, redis)).call('SETRANGE', 'filler', 4_000_000, 'x');
    let reply = '';
    await until(async () => {
      reply = String(await client.call('SET', 'k', 'v'));
      return reply.startsWith('-');
    });
    return reply;
  },
  async MAX_CLIENTS(t) {
    const { client, proxy } = await withPooled(t, { limits: { maxClients: 1 } });
    await client.call('PING');
    return String(await (await withRaw(t, proxy.port)).readUntilClosed());
  },
  async NOAUTH(t) {
    const { client, redis } = await withPooled(t);
    t.equal(String(await client.call('SET', 'k', 'v')), '+OK\r\n');
    await (await lookAt(t, redis)).call('CONFIG', 'SET', 'requirepass', 'secret');
    return String(await client.call('MULTI'));
  },
  async NO_PRIMARY(t) {
    const { port, service } = await withMoving(t, { redis: await withRedis(t), pool: 'command' });
    const client = await withRaw(t, port);
    await client.call('PING');
    await service.pause();
    void client.write(command('SET', 'k', 'v'));
    await until(() => service.waiting === 1);
    service.gone();
    return String(await client.readUntilClosed());
  },
  async LOST(t) {
    const { client, redis, proxy } = await withPooled(t);
    await client.call('SET', 'k', 'v');
    // Stopped, the server reads nothing; ended, it answers nothing.
    await redis.kill('SIGSTOP');
    await client.write(commands('SET k w'));
    await until(async () => {
      const { commands: sent } = await proxy.admin('/api/connections');
      return sent >= 2;
    });
    await redis.kill('SIGKILL');
    return String(await client.readUntilClosed());
  },
  async IN_TRANSACTION(t) {
    const { client } = await withPooled(t);
    await client.call('MULTI');
    const reply = String(await client.call('PROXY', 'VERSION'));
    t.match(String(await client.call('EXEC')), /^-EXECABORT/);
    return reply;
  },
  PROXY_ARITY: (t) => asked(t, 'STATS', 'a', 'b'),
  PROXY_SUBCOMMAND: (t) => asked(t, 'NOPE'),
  PROXY_PATTERN: (t) => asked(t, 'STATS', 'x'.repeat(2000)),
  PROXY_DATABASE: (t) => asked(t, 'EXPLAIN', 'DB', 'x', 'key'),
  async PROXY_FAILED() {
    const failing = { failed: () => {}, stats: () => Promise.reject(new Error('broken')) };
    const question = { number: 1, words: ['STATS'], resp: 2 } as const;
    return String((await answerQuestions([question], failing as unknown as ConsoleSources))[0]);
  },
  async PROXY_TOO_LATE() {
    const line = new ConsoleLine(() => {}, 1);
    return String((await line.ask([{ number: 1, words: ['STATS'], resp: 2 }]))[0]);
  },
  async PROXY_SERVER_SILENT(t) {
    const { client, redis } = await withPooled(t);
    await client.call('PING');
    await redis.kill('SIGSTOP');
    t.teardown(() => redis.kill('SIGCONT'));
    return String(await client.call('PROXY', 'MEMORY'));
  },
  async PROXY_OVERTAKEN() {
    const { session, client } = makeSession({ console: true });
    session.fromClient(Buffer.from(cmd('BLPOP', 'k', '0') + cmd('PROXY', 'STATS') + cmd('GET', 'k')));
    session.clientEnded();
    session.fromUpstream(Buffer.from('*-1\r\n$0\r\n\r\n'));
    client.take();
    session.fromUpstream(Buffer.from('$1\r\nv\r\n'));
    return client.take().toString().replace('$1\r\nv\r\n', '');
  },
};

for (const [name, provoke] of Object.entries(PROVOKED) as [ClientErrorName, (t: Test) => Promise<string>][]) {
  t.test(`${name}: ${CLIENT_ERRORS[name].text}`, async (t) => {
    const words = CLIENT_ERRORS[name].text.split(/<\w+>/);
    const reply = await provoke(t);
    t.ok(reply.startsWith(`-${words[0]}`) && reply.endsWith(`${words[1] ?? ''}\r\n`), reply);
    if (words.length === 1) t.equal(reply, errorReply(name).toString('latin1'));
  });
}

t.test('texts that are said to be Redis’s are its own', async (t) => {
  const redis = await withRedis(t, ['--maxclients', '3']);
  const direct = await lookAt(t, redis);
  const reply = async (...words: string[]): Promise<string> => String(await direct.call(...words));
  t.equal(await reply('CLIENT'), `-${errorText('PROXY_ARITY', 'client')}\r\n`);
  t.equal(
    await reply('CLIENT', 'NOPE'),
    `-${errorText('PROXY_SUBCOMMAND', 'NOPE').replace('PROXY', 'CLIENT')}\r\n`,
  );
  t.equal(await reply('CLIENT', 'GETNAME', 'x'), `-${errorText('PROXY_ARITY', 'client|getname')}\r\n`);
  await reply('MULTI');
  const inside = await reply('SAVE');
  await reply('DISCARD');
  t.equal(inside, errorReply('IN_TRANSACTION').toString('latin1'));
  const more = await Promise.all([withRaw(t, redis.port), withRaw(t, redis.port)]);
  for (const client of more) await client.call('PING');
  t.equal(
    String(await (await withRaw(t, redis.port)).readUntilClosed()),
    errorReply('MAX_CLIENTS').toString('latin1'),
  );
  more[0].destroy();
  await reply('CONFIG', 'SET', 'maxmemory', '1');
  t.equal(await reply('SET', 'k', 'v'), errorReply('OOM').toString('latin1'));
  await reply('CONFIG', 'SET', 'maxmemory', '0');
  await reply('CONFIG', 'SET', 'requirepass', 'secret');
  await until(async () => {
    const late = await withRaw(t, redis.port);
    const said = String(await late.call('GET', 'k'));
    late.destroy();
    return said === errorReply('NOAUTH').toString('latin1');
  });
});
