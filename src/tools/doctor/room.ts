// The memory that is available to a server, and the maxmemory that fits into it. A limit below the used memory makes Redis
// refuse or evict at once. With one near the available memory the kernel may kill Redis. Neither may be proposed.

import { MB } from '../../core/units.js';
import { percentText } from '../../core/words.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import type { Facts } from './facts.js';
import { figure, keyspace, set, sizeText } from './finding.js';

/** The rest is for fragmentation, buffers and the copy that a fork makes while saving. */
export const MOST = 0.8;
/** A limit must be at least this multiple of used memory; a lower one is reached at once. */
const LEAST = 1.1;

const PROPOSED = 'spillway.json';

export interface Room {
  readonly bytes: number;
  readonly whose: "its container's" | "the machine's";
}

/** undefined: INFO does not say how much memory the machine has, as on some managed services. */
export function roomOf(facts: Facts): Room | undefined {
  const machine = figure(facts, 'total_system_memory');
  const container = facts.process?.limitBytes ?? Number.POSITIVE_INFINITY;
  if (container < (machine || Number.POSITIVE_INFINITY))
    return { bytes: container, whose: "its container's" };
  return machine > 0 ? { bytes: machine, whose: "the machine's" } : undefined;
}

export function fewerKeys(facts: Facts): string[] {
  return [
    'spillway analyze   # shows which keys hold the memory',
    ...sweepMend(facts, 'shows how many keys have no TTL; --apply gives them one'),
  ];
}

/**
 * The sweep command, with the memory that its TTLs take; without a configuration first the command that proposes one.
 * @param does what it does, in words
 */
export function sweepMend(facts: Facts, does: string): string[] {
  const { keys, expires } = keyspace(facts);
  const [bytes, limit] = [new TtlCost(facts.info).bytes(expires, keys - expires), figure(facts, 'maxmemory')];
  const of = limit > 0 ? ` (${percentText((counted(facts) + bytes) / limit)} of maxmemory then)` : '';
  const what = `# ${does}; TTLs for all keys without one take up to ${sizeText(bytes)} more${of}`;
  if (facts.rules !== undefined) return [`spillway sweep     ${what}`];
  return [
    `spillway init --output ${PROPOSED}   # proposes rules; "mode": "enforce" in the file puts them into effect`,
    `spillway sweep --config ${PROPOSED}   ${what}`,
  ];
}

/**
 * The commands for a new maxmemory: as near to `wanted` as available and used memory allow. If the available memory is
 * unknown, they leave out the number. If no limit fits, they say what to do first.
 * @param above bytes: the new limit must be higher than this
 */
export function limitMend(facts: Facts, wanted: number, above = 0): string[] {
  const room = roomOf(facts);
  const used = counted(facts);
  if (room === undefined) {
    return [
      `redis-cli ${facts.cli} CONFIG SET maxmemory <size>   # above ${sizeText(used * LEAST)}, and at most 80% of the available memory`,
    ];
  }
  const least = Math.ceil((used * LEAST) / MB);
  const most = Math.floor((room.bytes * MOST) / MB);
  const best = Math.min(Math.max(Math.ceil(wanted / MB), least), most);
  if (least > most || best * MB <= above) {
    return [
      `# no ${above > 0 ? 'higher ' : ''}limit fits: ${sizeText(used)} used of ${room.whose} ${sizeText(room.bytes)}; first add memory or delete keys`,
      ...fewerKeys(facts),
    ];
  }
  const mend = set(facts, 'maxmemory', `${best}mb`);
  // A container's limit is known only if the server runs on this machine.
  return facts.process === undefined
    ? [...mend, '# lower, if the server runs in a container with less memory']
    : mend;
}

/** What Redis compares with maxmemory, bytes. */
export function counted(facts: Facts): number {
  return figure(facts, 'used_memory') - (figure(facts, 'mem_not_counted_for_evict') || 0);
}

/** A replica that ignores maxmemory (the default): its primary evicts and refuses for it. */
export function leavesToPrimary({ info, config }: Facts): boolean {
  return info.get('role') === 'slave' && config?.get('replica-ignore-maxmemory') !== 'no';
}
