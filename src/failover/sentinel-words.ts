// Parses what a Sentinel says: its messages about one primary, and its answers to `MASTER` and `GET-MASTER-ADDR-BY-NAME`.
// Pure. Messages about other primaries, and unknown ones, become undefined.
// sentinel.c, sentinelEvent(): "%@" is `slave NAME IP PORT @ MASTER IP PORT` for a replica, `master NAME IP PORT` for a
// primary.
import type { SentinelEvent } from './decisions.js';
import { mapped, type NatMap } from './nat-map.js';
import type { Answer } from './votes.js';
import type { PrimaryAddress } from './whereabouts.js';

const PROMOTING: ReadonlySet<string> = new Set(['+failover-state-send-slaveof-noone', '+promoted-slave']);
/** One step of the failover before the promotion, 60 to 160 ms. */
const BEGUN = '+failover-state-select-slave';
const SWITCHED = '+switch-master';
const ABORTED: ReadonlySet<string> = new Set([
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
]);

/** The channels to subscribe to. */
export const CHANNELS: readonly string[] = [BEGUN, ...PROMOTING, SWITCHED, ...ABORTED];

export function eventOf(
  channel: string,
  message: string,
  primary: string,
  map: NatMap,
): SentinelEvent | undefined {
  const words = message.split(' ');
  if (PROMOTING.has(channel)) {
    const [, , ip, port, at, name, fromIp, fromPort] = words;
    return at === '@' && name === primary
      ? moving('promoting', addressOf(fromIp, fromPort, map), addressOf(ip, port, map))
      : undefined;
  }
  if (channel === BEGUN) {
    const [, name, ip, port] = words;
    const from = name === primary ? addressOf(ip, port, map) : undefined;
    return from && { type: 'begun', from };
  }
  if (channel === SWITCHED) {
    const [name, fromIp, fromPort, ip, port] = words;
    return name === primary
      ? moving('switched', addressOf(fromIp, fromPort, map), addressOf(ip, port, map))
      : undefined;
  }
  return ABORTED.has(channel) && words[1] === primary ? { type: 'aborted' } : undefined;
}

/**
 * `master`: the reply to `SENTINEL MASTER`, names and values in turn; `address`: the reply to `GET-MASTER-ADDR-BY-NAME`, asked
 * together.
 */
export function answerOf(
  master: unknown,
  address: unknown,
  map: NatMap,
): Omit<Answer, 'askedAt'> | undefined {
  if (!Array.isArray(master) || !Array.isArray(address)) return undefined;
  const fields = fieldsOf(master);
  const named = addressOf(address[0], address[1], map);
  const epoch = Number(fields.get('config-epoch'));
  if (named === undefined || !Number.isSafeInteger(epoch)) return undefined;
  // `old` is so until the end of a failover; it names the new primary from the promotion on: sentinelGetCurrentMasterAddress().
  const old = addressOf(fields.get('ip'), fields.get('port'), map);
  const failing = (fields.get('flags') ?? '').split(',').includes('failover_in_progress');
  return {
    ...{ address: named, epoch, leaves: failing ? old : undefined },
    downAfterMs: Number(fields.get('down-after-milliseconds')) || 30_000,
  };
}

/** Names and values in turn. */
export function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const words = Array.isArray(reply) ? reply : [];
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) fields.set(String(words[i]), String(words[i + 1]));
  return fields;
}

function moving(
  type: 'promoting' | 'switched',
  from: PrimaryAddress | undefined,
  address: PrimaryAddress | undefined,
): SentinelEvent | undefined {
  return from === undefined || address === undefined ? undefined : { type, from, address };
}

/** undefined: no address that can be connected to. */
export function addressOf(host: unknown, port: unknown, map: NatMap): PrimaryAddress | undefined {
  const number = Number(port);
  if (typeof host !== 'string' || host === '' || !Number.isInteger(number) || number < 1 || number > 65_535)
    return undefined;
  return mapped({ host, port: number }, map);
}
