// The memory that there is for a server, and which maxmemory fits into it. A limit below what is used makes Redis refuse
// or evict at once, one near the room lets the kernel end it: neither may be proposed as a mend.

import { TtlCost } from '../keyspace/ttl-cost.js';
import type { Facts } from './facts.js';
import { figure, keyspace, set, share, size } from './finding.js';

const MB = 2 ** 20;
/** The rest is for fragmentation, buffers and the copy that a fork makes when it saves. */
export const MOST = 0.8;
/** Of what is used: with less between, the limit is reached at once. */
const LEAST = 1.1;

export interface Room {
  readonly bytes: number;
  readonly whose: "its container's" | "the machine's";
}

/** undefined: the server does not tell of its machine, as on some managed services. */
export function roomOf(facts: Facts): Room | undefined {
  const machine = figure(facts, 'total_system_memory');
  const container = facts.process?.limitBytes ?? Number.POSITIVE_INFINITY;
  if (container < (machine || Number.POSITIVE_INFINITY))
    return { bytes: container, whose: "its container's" };
  return machine > 0 ? { bytes: machine, whose: "the machine's" } : undefined;
}

export function fewerKeys(facts: Facts): string[] {
  return [
    'spillway analyze   # which keys hold it',
    sweepMend(facts, 'which of them have no TTL, and give them one'),
  ];
}

/** The command that gives TTLs, and what these take. @param does what it does, in words */
export function sweepMend(facts: Facts, does: string): string {
  const { keys, expires } = keyspace(facts);
  const [bytes, limit] = [new TtlCost(facts.info).bytes(expires, keys - expires), figure(facts, 'maxmemory')];
  const of = limit > 0 ? ` (${share((counted(facts) + bytes) / limit)} of maxmemory then)` : '';
  return `spillway sweep     # ${does}; TTLs for all that have none take up to ${size(bytes)} more${of}`;
}

/**
 * The commands for a new maxmemory: as near to `wanted` as room and use allow. Without a number where the room is not
 * known; where none fits, what has to come first.
 * @param above in bytes: no limit up to this is of use
 */
export function limitMend(facts: Facts, wanted: number, above = 0): string[] {
  const room = roomOf(facts);
  const used = counted(facts);
  if (room === undefined) {
    return [
      `redis-cli ${facts.cli} CONFIG SET maxmemory <size>   # above ${size(used * LEAST)}, and at most four fifths of the memory there is`,
    ];
  }
  const least = Math.ceil((used * LEAST) / MB);
  const most = Math.floor((room.bytes * MOST) / MB);
  const best = Math.min(Math.max(Math.ceil(wanted / MB), least), most);
  if (least > most || best * MB <= above) {
    return [
      `# no ${above > 0 ? 'higher ' : ''}limit fits: ${size(used)} used of ${room.whose} ${size(room.bytes)}; more memory or fewer keys first`,
      ...fewerKeys(facts),
    ];
  }
  const mend = set(facts, 'maxmemory', `${best}mb`);
  // Of a server elsewhere only the machine is known.
  return facts.process === undefined ? [...mend, '# less, if a container of it may not have as much'] : mend;
}

/** What Redis compares with maxmemory, bytes. */
export function counted(facts: Facts): number {
  return figure(facts, 'used_memory') - (figure(facts, 'mem_not_counted_for_evict') || 0);
}

/** The same as a share of maxmemory; NaN without a limit. */
export function fullness(facts: Facts): number {
  const limit = figure(facts, 'maxmemory');
  return limit > 0 ? counted(facts) / limit : Number.NaN;
}

/** A replica that does not look at maxmemory, as it is unless told otherwise: its primary evicts and refuses for it. */
export function leavesToPrimary({ info, config }: Facts): boolean {
  return info.get('role') === 'slave' && config?.get('replica-ignore-maxmemory') !== 'no';
}
