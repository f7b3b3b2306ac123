// What a check may find, and how bad it is. Field names are an API (docs/TOOLS.md).
import type { Facts } from './facts.js';

/** Critical: writes fail or data is in danger now, or soon. Warning: it will, some day. Notice: worth knowing. */
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** One line: what is so. */
  readonly title: string;
  /** The figures that say so. */
  readonly evidence: string;
  /** What comes of it. */
  readonly reason: string;
  /** What to do: commands that can be copied, and what goes with them. */
  readonly mend: readonly string[];
}

export interface Check {
  /** As docs/TOOLS.md lists it. */
  readonly id: string;
  /** What it needs beside INFO; without it the check is said not to have been made. */
  readonly needs?: keyof Facts;
  /** Of memory that a replica leaves to its primary; not made there. */
  readonly primaryOnly?: true;
  run(facts: Facts): Finding | undefined;
}

/** A number of INFO; NaN where it is not told. */
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

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

export function size(bytes: number): string {
  if (Number.isNaN(bytes)) return 'an unknown size';
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

export function share(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** How long the server has run. */
export function uptime(facts: Facts): string {
  const minutes = figure(facts, 'uptime_in_seconds') / 60;
  if (minutes < 120) return `${Math.ceil(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${hours.toFixed(0)} hours` : `${(hours / 24).toFixed(0)} days`;
}

/** The command that sets it now, and where it stays set. */
export function set({ cli, info }: Facts, setting: string, value: string): string[] {
  const now = `redis-cli ${cli} CONFIG SET ${setting} ${value}`;
  if (info.get('config_file') === '') {
    return [
      now,
      `# started without a config file: a restart forgets it, unless one says ${setting} ${value}`,
    ];
  }
  return [
    now,
    `redis-cli ${cli} CONFIG REWRITE   # keeps it. On a managed service set ${setting} in its parameter group`,
  ];
}
