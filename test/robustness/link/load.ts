// Many clients at once, each session with the books of its own requests: pipelines of random depth, more sent while
// replies are still owed, an end that overtakes its replies. Then the server is asked what the session has left.
// A cut session is followed by a new one under a new name, so that nothing of the old one can be taken for its own.
// One that only lost its shared connection (command pooling) must go on: it asks until it is answered again, and quits.
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, pick, type Random } from '../../../src/cli/demo/random.js';
import { Ledger, type Request, type State, Tally } from '../../support/ledger.js';
import { POOL } from '../../support/proxy.js';
import { command, connectRaw, type RawClient } from '../../support/raw-client.js';
import { integer } from '../../support/twins.js';
import { Workload } from './workload.js';

const WAIT_MS = 60_000;
const RETRY_MS = 5;
const QUIT: Request = { bytes: command('QUIT'), reply: Buffer.from('+OK\r\n') };
/** Redis writes 64 KB at a time, and at a client's end frees it with what it has not written: so do not ask for more. */
const HALF_CLOSE_BYTES = 32 * 1024;
const SESSION = { from: 100, to: 1500 };

export interface LoadShape {
  readonly clients: number;
  /** Most requests in one pipeline. */
  readonly depth: number;
  /** Of a hundred requests, how many have to do with large values. */
  readonly large: number;
}

export interface LoadOptions extends LoadShape {
  /** Where the clients connect. */
  readonly port: number;
  /** The server itself, to look at what they have left. */
  readonly server: number;
  /** No new requests are sent once this says so. Asked between sessions and between pipelines. */
  readonly enough: (result: LoadResult) => boolean;
  readonly seed: number;
  /** Whether writes to SHED_PREFIX are refused. */
  readonly shed: boolean;
  /** Whether connections may break. If not, one that does has lost what it was owed. */
  readonly cuts: boolean;
  /** Whether every key that is left must have a TTL. */
  readonly ttls: boolean;
}

export interface LoadResult {
  readonly tally: Tally;
  sessions: number;
  cutSessions: number;
  /** Sessions that were told of commands of unknown fate, and of these the ones that were answered again. */
  lostSessions: number;
  resumedSessions: number;
  /** Connections that could not be made. */
  refused: number;
}

let loads = 0;

/** Runs until it is enough and every session is settled. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const result: LoadResult = {
    tally: new Tally(),
    ...{ sessions: 0, cutSessions: 0, lostSessions: 0, resumedSessions: 0, refused: 0 },
  };
  const load = loads++;
  await Promise.all(
    Array.from({ length: options.clients }, async (_, i) => {
      const random = createRandom(options.seed * 1009 + i);
      for (let session = 0; !options.enough(result); session++) {
        await runSession(`l${load}c${i}s${session}`, random, options, result);
      }
    }),
  );
  return result;
}

async function runSession(
  name: string,
  random: Random,
  options: LoadOptions,
  result: LoadResult,
): Promise<void> {
  const { cuts, shed, large } = options;
  const client = await open(options.port, cuts);
  if (client === undefined) {
    result.refused++;
    await delay(RETRY_MS);
    return;
  }
  const { tally } = result;
  const ledger = new Ledger(tally, cuts && POOL === 'command');
  const workload = new Workload({ name, random, shed, large });
  result.sessions++;
  try {
    await converse(client, workload, ledger, random, options, result);
    ledger.settle(await client.readUntilClosed());
    if (client.error !== undefined && !cuts) throw client.error;
  } catch (error) {
    if (client.closed && cuts) {
      result.cutSessions++;
      ledger.cut(client.peek());
    } else {
      tally.note(String(error));
      tally.lost += Math.max(1, ledger.owed);
    }
  } finally {
    client.destroy();
    if (ledger.unknown > 0) result.lostSessions++;
  }
  await account(workload, ledger, options, tally);
}

/** Sends pipelines and reads until no more than a random number of replies is owed; at last QUIT or its end, then the rest. */
async function converse(
  client: RawClient,
  workload: Workload,
  ledger: Ledger,
  random: Random,
  { depth, enough }: LoadOptions,
  result: LoadResult,
): Promise<void> {
  const length = SESSION.from + pick(random, SESSION.to - SESSION.from);
  for (let sent = 0; sent < length && !enough(result); ) {
    const requests = [workload.token()];
    // Mostly short, at times deep.
    const most = pick(random, 4) === 0 ? depth : Math.ceil(depth / 10);
    for (let n = pick(random, most); n > 0; n--) requests.push(...workload.next());
    for (const request of requests) ledger.sent(request);
    sent += requests.length;
    void client.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
    await settleDownTo(pick(random, ledger.owed + 1), client, ledger);
    if (ledger.unknown === 0) continue;
    await resume(client, workload, ledger);
    result.resumedSessions++;
    break;
  }
  if (pick(random, 2) === 0) {
    ledger.sent(QUIT);
    void client.write(QUIT.bytes);
    await settleDownTo(0, client, ledger);
    return;
  }
  while (ledger.owedBytes > HALF_CLOSE_BYTES) await settleDownTo(ledger.owed - 1, client, ledger);
  client.end();
  await settleDownTo(0, client, ledger);
}

/** Returns once a request that was sent behind all that was lost has its reply. */
async function resume(client: RawClient, workload: Workload, ledger: Ledger): Promise<void> {
  for (let lost = -1; lost !== ledger.unknown; ) {
    await settleDownTo(0, client, ledger);
    lost = ledger.unknown;
    const token = workload.token();
    ledger.sent(token);
    void client.write(token.bytes);
    await settleDownTo(0, client, ledger);
  }
}

async function settleDownTo(owed: number, client: RawClient, ledger: Ledger): Promise<void> {
  while (ledger.owed > owed) {
    const [reply] = await client.readReplies(1);
    ledger.answered(reply);
  }
}

/** Undefined: there is no server, or it is not ready. */
async function open(port: number, mayFail: boolean): Promise<RawClient | undefined> {
  if (!mayFail) return connectRaw(port, WAIT_MS);
  const client = await connectRaw(port, WAIT_MS).catch(() => undefined);
  const answer = await client?.call('PING').catch(() => undefined);
  if (String(answer) === '+PONG\r\n') return client;
  client?.destroy();
  return undefined;
}

/** Compares what the server holds with the books, as soon as there is a server to ask; then tidies up. */
async function account(
  workload: Workload,
  ledger: Ledger,
  { server, ttls, cuts }: LoadOptions,
  tally: Tally,
): Promise<void> {
  const { keys, list } = workload;
  for (let done = false; !done; ) {
    const direct = await open(server, cuts);
    try {
      if (direct === undefined) throw new Error('the server is away');
      ledger.check(await contents(direct, keys));
      // A cut may come between a write and its follow-up.
      if (ttls && !cuts) await checkTtls(direct, [...keys, list], tally);
      await direct.call('DEL', ...keys, list);
      done = true;
    } catch (error) {
      if (!cuts) throw error;
      await delay(RETRY_MS);
    } finally {
      direct?.destroy();
    }
  }
}

const WITHOUT_TTL =
  "local n = 0 for _, k in ipairs(KEYS) do if redis.call('PTTL', k) == -1 then n = n + 1 end end return n";

async function checkTtls(direct: RawClient, keys: readonly string[], tally: Tally): Promise<void> {
  const without = await integer(direct, 'EVAL', WITHOUT_TTL, keys.length, ...keys);
  if (without === 0) return;
  tally.inconsistent++;
  tally.note(`${without} keys without a TTL: ${keys[0]} …`);
}

/** All at one moment. */
async function contents(direct: RawClient, keys: readonly string[]): Promise<State> {
  const reply = await direct.call('MGET', ...keys);
  const state = new Map<string, string>();
  let at = reply.indexOf('\n') + 1;
  for (const key of keys) {
    const body = reply.indexOf('\n', at) + 1;
    const length = Number(reply.toString('latin1', at + 1, body - 2));
    if (length >= 0) state.set(key, reply.toString('latin1', body, body + length));
    at = length >= 0 ? body + length + 2 : body;
  }
  return state;
}
