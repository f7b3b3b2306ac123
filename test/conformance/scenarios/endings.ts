// What ends a server, or turns a connection into a stream that does not end: replication, SHUTDOWN, a crash.
// Those that end the server are run on places of their own.
import { command, type RawClient } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import type { Scenario, Scenarios } from '../scenario.js';
import { isBusy } from './scripts.js';

const TIMEOUT_MS = 30_000;

/** Waits for what another client publishes to come down the replication stream; the snapshot before it is cut out. */
async function replicated(replica: RawClient, writer: RawClient): Promise<string> {
  await until(async () => String(await writer.call('INFO', 'replication')).includes('connected_slaves:1'), {
    timeoutMs: TIMEOUT_MS,
    describe: 'the replica to be seen',
  });
  await writer.call('PUBLISH', 'c', 'to replicas');
  const comes = () => replica.peek().includes('to replicas\r\n');
  await until(comes, { timeoutMs: TIMEOUT_MS, describe: 'the replication stream' });
  const text = replica.peek().toString('latin1');
  const stream = text.indexOf('*2\r\n$6\r\nSELECT');
  const head = text.slice(0, text.search(/REDIS0|VALKEY0/)).replace(/\n*\$\d+\r\n/, 'snapshot\r\n');
  return `${head.replace(/[0-9a-f]{40} \d+/, 'ID OFFSET')}${text.slice(stream)}`;
}

export const replication: Scenarios = {
  SYNC: async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [await a.call('SETNX', 'k', 1)];
    void a.write(commands('SYNC'));
    return [...seen, await replicated(a, b)];
  },
  PSYNC: async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('PSYNC ? -1'));
    return [await replicated(a, b)];
  },
  'the handshake of a replica': async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [
      await a.call('PING'),
      await a.call('REPLCONF', 'listening-port', 1),
      await a.call('REPLCONF', 'capa', 'psync2'),
    ];
    void a.write(commands('PSYNC ? -1'));
    return [...seen, await replicated(a, b), await b.call('WAIT', 0, 0)];
  },
  'REPLCONF that is not answered': async (open) => {
    const a = await open();
    void a.write(commands('REPLCONF ACK 1', 'REPLCONF listening-port 1', 'SETNX k 1', 'GET k'));
    return a.readReplies(3);
  },
};

/** What one client asks for ends the server: what it is told, and what another gets that has written before. */
const ends =
  (...args: readonly string[]): Scenario =>
  async (open) => {
    const [a, b] = [await open(), await open()];
    // A server that ends has not sent what it answered just before, so nothing stands before it.
    const seen = [await b.call('SETNX', 'k', 1), await a.call('SETNX', 'j', 1)];
    void a.write(Buffer.concat([command(...args), commands('SETNX i 1')]));
    return [...seen, await a.readUntilClosed(), await b.readUntilClosed()];
  };

export const endings: Scenarios = {
  SHUTDOWN: ends('SHUTDOWN', 'NOSAVE'),
  'SHUTDOWN SAVE, inside MULTI': async (open) => {
    const a = await open();
    void a.write(commands('MULTI', 'SETNX k 1', 'SHUTDOWN SAVE', 'EXEC'));
    const seen = await a.readReplies(4);
    void a.write(commands('SHUTDOWN SAVE', 'GET k'));
    return [...seen, await a.readUntilClosed()];
  },
  'a script that has written can be killed by the end only': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(command('EVAL', "redis.call('SET', KEYS[1], 1); while true do end", 1, 'k'));
    await isBusy(open);
    const seen = [await b.call('SCRIPT', 'KILL'), await b.call('SHUTDOWN', 'SAVE')];
    void b.write(commands('SHUTDOWN NOSAVE'));
    return [...seen, await a.readUntilClosed(), await b.readUntilClosed()];
  },
  'a crash': ends('DEBUG', 'SEGFAULT'),
  'a panic': ends('DEBUG', 'PANIC'),
};
