// Checks of maxmemory, and of what happens when it is reached.
import { DAY_S } from '../../core/units.js';
import { countText } from '../../core/words.js';
import { committedOf, committedShare, committedText } from './committed.js';
import { type Check, figure, set, sizeText, uptime } from './finding.js';
import { counted, fewerKeys, leavesToPrimary, limitMend, MOST, roomOf } from './room.js';

const NEAR = 0.9;
const FULL = 0.97;
/** A proposed limit as a share of the available memory, unless used memory needs more. */
const USUAL = 0.6;
/** Fewer refused writes a day are a notice, not a warning. */
const RARE = 1;

export const LIMIT_CHECKS: readonly Check[] = [
  {
    id: 'no-maxmemory',
    primaryOnly: true,
    run(facts) {
      if (figure(facts, 'maxmemory') !== 0) return undefined;
      const [used, room] = [counted(facts), roomOf(facts)];
      const of = room === undefined ? '' : ` of ${room.whose} ${sizeText(room.bytes)}`;
      return {
        severity: room !== undefined && used > 0.75 * room.bytes ? 'critical' : 'warning',
        title: 'There is no maxmemory',
        evidence: `maxmemory:0, used ${sizeText(used)}${of}`,
        reason:
          'Redis grows until the kernel kills it, and loses all data that was not saved. With a limit it evicts keys or refuses writes instead.',
        mend: limitMend(facts, USUAL * (room?.bytes ?? 0)),
      };
    },
  },
  {
    id: 'memory-full',
    primaryOnly: true,
    run(facts) {
      const [full, limit] = [committedShare(facts), figure(facts, 'maxmemory')];
      if (!(full >= NEAR)) return undefined;
      const what = committedOf(facts).evictableBytes > 0 ? 'little' : 'nothing';
      return {
        severity: full >= FULL ? 'critical' : 'warning',
        title: `Memory is ${full >= 1 ? '' : 'nearly '}at maxmemory, and Redis has ${what} to evict`,
        evidence: committedText(facts) ?? '',
        reason: "At the limit Redis refuses writes: OOM command not allowed when used memory > 'maxmemory'.",
        mend: [...new Set([...fewerKeys(facts), ...limitMend(facts, 1.25 * limit, limit)])],
      };
    },
  },
  {
    id: 'oom-errors',
    run(facts) {
      const count = Number(/count=(\d+)/.exec(facts.info.get('errorstat_OOM') ?? '')?.[1] ?? 0);
      if (count === 0) return undefined;
      const daily = count / Math.max(1, figure(facts, 'uptime_in_seconds') / DAY_S);
      const refuses = committedShare(facts) >= NEAR && !leavesToPrimary(facts);
      return {
        severity: refuses ? 'critical' : daily < RARE ? 'notice' : 'warning',
        title: 'Redis has refused writes for lack of memory',
        evidence: `errorstat_OOM: ${countText(count)} since the start ${uptime(facts)} ago, or since CONFIG RESETSTAT`,
        reason: 'Applications have lost writes.',
        mend: [
          'spillway analyze   # shows which keys hold the memory',
          `redis-cli ${facts.cli} CONFIG RESETSTAT   # when it is fixed: resets the counters`,
        ],
      };
    },
  },
  {
    id: 'replica-evicts',
    needs: 'config',
    run(facts) {
      const limit = figure(facts, 'maxmemory');
      if (facts.info.get('role') !== 'slave' || !(limit > 0)) return undefined;
      if (facts.config?.get('replica-ignore-maxmemory') !== 'no') return undefined;
      return {
        severity: 'warning',
        title: 'A replica applies its own maxmemory',
        evidence: `role:slave, replica-ignore-maxmemory no, maxmemory ${sizeText(limit)}`,
        reason: 'The replica evicts keys that its primary still has. After a failover they are lost.',
        mend: set(facts, 'replica-ignore-maxmemory', 'yes'),
      };
    },
  },
  {
    id: 'maxmemory-too-large',
    run(facts) {
      const [limit, room] = [figure(facts, 'maxmemory'), roomOf(facts)];
      if (room === undefined || !(limit > MOST * room.bytes)) return undefined;
      return {
        severity: limit > room.bytes ? 'critical' : 'warning',
        title: `maxmemory leaves no room in ${room.whose} memory`,
        evidence: `maxmemory ${sizeText(limit)}, ${room.whose} memory ${sizeText(room.bytes)}, used ${sizeText(counted(facts))}`,
        reason:
          'Redis also needs memory for fragmentation, buffers and the copy that a fork makes while saving. The kernel kills it before it reaches its limit.',
        mend: limitMend(facts, USUAL * room.bytes),
      };
    },
  },
];
