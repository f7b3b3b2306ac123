// What the Sentinel endpoint says about the primary: to SENTINEL, INFO and ROLE. Pure.
// Its primary is this proxy's own data port, so it never moves: the proxy itself follows the server behind it. It names no
// replica, and no server or Sentinel behind the proxy, because clients would go around the proxy then.
// Redis: sentinel.c, sentinelCommand(), addReplySentinelRedisInstance(), sentinelInfoCommand().
import { createHash } from 'node:crypto';
import { Failure, Text } from '../reply-text.js';
import { Fields, NO_ARRAY, type Reply, Status } from './reply.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface SentinelFacts {
  /** The one name that clients may ask for. */
  readonly primary: string;
  /** The data port as the client that asks can reach it. */
  readonly address: HostPort;
  /** The data port is closed: there is no server behind it. */
  readonly down: boolean;
  /** The Sentinel endpoints of other proxies. */
  readonly others: readonly HostPort[];
  /** Of this process, 40 hexadecimal digits. */
  readonly runId: string;
  /** Spillway's own. */
  readonly version: string;
}

/** The Redis version whose answers these are: clients go by it. */
export const SENTINEL_VERSION = '7.0.0';
/** Sentinel's default. Nothing here goes by it. */
const DOWN_AFTER_MS = 30_000;

const NO_SUCH_PRIMARY = new Failure('ERR No such master with that name');

/** `words`: the command with its name. */
export function sentinelAnswer(words: readonly string[], facts: SentinelFacts): Reply {
  const [, given = '', name] = words;
  const subcommand = given.toLowerCase();
  if (subcommand === 'masters' && words.length === 2) return [primaryFields(facts)];
  if (subcommand === 'myid' && words.length === 2) return facts.runId;
  const answer = BY_NAME[subcommand];
  if (answer === undefined)
    return new Failure(
      `ERR unknown subcommand '${given.slice(0, 128)}'. Spillway says where clients connect, and manages no servers`,
    );
  if (words.length !== 3)
    return new Failure(`ERR wrong number of arguments for 'sentinel|${subcommand}' command`);
  if (name !== facts.primary) return subcommand === ADDRESS ? NO_ARRAY : NO_SUCH_PRIMARY;
  return answer(facts);
}

const ADDRESS = 'get-master-addr-by-name';

/** Those that need the name of a primary. */
const BY_NAME: Readonly<Record<string, ((facts: SentinelFacts) => Reply) | undefined>> = Object.assign(
  Object.create(null),
  {
    [ADDRESS]: ({ address }: SentinelFacts) => [address.host, String(address.port)],
    master: primaryFields,
    replicas: () => [],
    slaves: () => [],
    sentinels: ({ others }: SentinelFacts) => others.map(otherFields),
    ckquorum: ({ others }: SentinelFacts) =>
      new Status(
        `OK ${others.length + 1} usable Sentinels. Quorum and failover authorization can be reached`,
      ),
  },
);

/** The answer to ROLE. */
export function roleAnswer({ primary }: SentinelFacts): Reply {
  return ['sentinel', [primary]];
}

/** The answer to INFO. Without sections: all. */
export function infoAnswer(sections: readonly string[], facts: SentinelFacts): Reply {
  const { primary, address, down, others, runId, version } = facts;
  const known: Readonly<Record<string, readonly string[]>> = {
    Server: [
      `redis_version:${SENTINEL_VERSION}`,
      'redis_mode:sentinel',
      `run_id:${runId}`,
      `spillway_version:${version}`,
    ],
    Sentinel: [
      'sentinel_masters:1',
      'sentinel_tilt:0',
      'sentinel_tilt_since_seconds:-1',
      'sentinel_running_scripts:0',
      'sentinel_scripts_queue_length:0',
      'sentinel_simulate_failure_flags:0',
      `master0:name=${primary},status=${down ? 'odown' : 'ok'},address=${address.host}:${address.port},slaves=0,sentinels=${others.length + 1}`,
    ],
  };
  const wanted = new Set(sections.map((section) => section.toLowerCase()));
  const all = wanted.size === 0 || ['all', 'default', 'everything'].some((word) => wanted.has(word));
  return new Text(
    Object.entries(known)
      .filter(([section]) => all || wanted.has(section.toLowerCase()))
      .map(([section, lines]) => `# ${section}\r\n${lines.map((line) => `${line}\r\n`).join('')}`)
      .join('\r\n'),
  );
}

function primaryFields({ primary, address, down, others, runId }: SentinelFacts): Fields {
  return new Fields([
    ['name', primary],
    ['ip', address.host],
    ['port', String(address.port)],
    ['runid', runId],
    ['flags', down ? 'master,s_down,o_down' : 'master'],
    ...LINK_FIELDS,
    ['down-after-milliseconds', String(DOWN_AFTER_MS)],
    ['info-refresh', '0'],
    ['role-reported', 'master'],
    ['role-reported-time', '0'],
    ['config-epoch', '0'],
    ['num-slaves', '0'],
    ['num-other-sentinels', String(others.length)],
    ['quorum', '1'],
    ['failover-timeout', '180000'],
    ['parallel-syncs', '1'],
  ]);
}

function otherFields({ host, port }: HostPort): Fields {
  const runId = createHash('sha1').update(`${host} ${port}`).digest('hex');
  return new Fields([
    ['name', runId],
    ['ip', host],
    ['port', String(port)],
    ['runid', runId],
    ['flags', 'sentinel'],
    ...LINK_FIELDS,
    ['down-after-milliseconds', String(DOWN_AFTER_MS)],
    ['last-hello-message', '0'],
    ['voted-leader', '?'],
    ['voted-leader-epoch', '0'],
  ]);
}

const LINK_FIELDS = [
  ['link-pending-commands', '0'],
  ['link-refcount', '1'],
  ['last-ping-sent', '0'],
  ['last-ok-ping-reply', '0'],
  ['last-ping-reply', '0'],
] as const;
