// The form of a check and of its finding. Field names are an API (docs/TOOLS.md).
import { bytesText } from '../../core/words.js';
import type { Facts } from './facts.js';

/** Critical: writes fail or data is in danger, now or soon. Warning: they will be some day. Notice: worth knowing. */
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** The problem, in one line. */
  readonly title: string;
  /** The figures that show it. */
  readonly evidence: string;
  /** Why it matters. */
  readonly reason: string;
  /** The fix: commands to copy, and comments on them. */
  readonly mend: readonly string[];
}

export interface Check {
  /** The name under which docs/TOOLS.md lists the check. */
  readonly id: string;
  /** What it needs beside INFO; if that could not be read, the check counts as not made. */
  readonly needs?: keyof Facts;
  /** Not made on a replica that leaves its memory to its primary. */
  readonly primaryOnly?: true;
  run(facts: Facts): Finding | undefined;
}

/** A number from INFO; NaN if INFO does not have it. */
export function figure({ info }: Facts, field: string): number {
  const text = info.get(field);
  return text === undefined ? Number.NaN : Number(text);
}

/** INFO keyspace, all databases. */
export function keyspace({ info }: Facts): { keys: number; expires: number } {
  let [keys, expires] = [0, 0];
  for (const [field, value] of info) {
    if (!/^db\d+$/.test(field)) continue;
    keys += Number(/\bkeys=(\d+)/.exec(value)?.[1] ?? 0);
    expires += Number(/\bexpires=(\d+)/.exec(value)?.[1] ?? 0);
  }
  return { keys, expires };
}

/** NaN: the server does not report it. */
export function sizeText(bytes: number): string {
  return Number.isNaN(bytes) ? 'an unknown size' : bytesText(bytes);
}

/** How long the server has run. */
export function uptime(facts: Facts): string {
  const minutes = figure(facts, 'uptime_in_seconds') / 60;
  if (minutes < 120) return `${Math.ceil(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${hours.toFixed(0)} hours` : `${(hours / 24).toFixed(0)} days`;
}

/** The commands that set it now and keep it set after a restart. */
export function set({ cli, info }: Facts, setting: string, value: string): string[] {
  const now = `redis-cli ${cli} CONFIG SET ${setting} ${value}`;
  if (info.get('config_file') === '') {
    return [
      now,
      `# the server has no config file, so a restart forgets this. Start it with a file that says ${setting} ${value}`,
    ];
  }
  return [
    now,
    `redis-cli ${cli} CONFIG REWRITE   # keeps it after a restart. On a managed service set ${setting} in its parameter group`,
  ];
}
