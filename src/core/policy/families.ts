// The table of job systems whose keys Spillway knows. A family is all keys of one of them: lists, sets and counters that belong
// together, so that refusing or expiring a part of them loses jobs. Pure data; the names come from the libraries' sources.
// Invariants: a glob matches hardly anything but names that its library makes; words that an application might use for itself
// (`retry`, `dead`) match as whole keys only.
import { elementsCover } from './glob-cover.js';
import { type GlobElement, globElements } from './glob-elements.js';

export const FAMILY_NAMES = [
  'sidekiq',
  'celery',
  'rq',
  'resque',
  'bee-queue',
  'bull',
  'laravel',
  'huey',
  'dramatiq',
  'arq',
] as const;
export type FamilyName = (typeof FAMILY_NAMES)[number];

export interface Family {
  readonly name: FamilyName;
  /** The name by which users know it. */
  readonly title: string;
  /** Redis globs. */
  readonly globs: readonly string[];
  /** Those of `globs` that other software uses, too: alone they do not show that it is this job system. */
  readonly common?: readonly string[];
}

/** Sidekiq names a process HOST:PID:NONCE, the nonce being six random bytes in hexadecimal. */
const SIDEKIQ_PROCESS = `*:[1-9]*:${'[0-9a-f]'.repeat(12)}`;

export const FAMILIES: readonly Family[] = [
  {
    name: 'sidekiq',
    title: 'Sidekiq',
    globs: [
      ...['queue:*', 'queues', 'retry', 'schedule', 'dead', 'processes'],
      ...['stat:processed*', 'stat:failed*'],
      // Metrics of jobs by minute, and their histograms.
      ...['j|[0-9]*|*', 'h|*-*'],
      ...[
        SIDEKIQ_PROCESS,
        `${SIDEKIQ_PROCESS}:work`,
        `${SIDEKIQ_PROCESS}:workers`,
        `${SIDEKIQ_PROCESS}-signals`,
      ],
      // With a namespace of this name.
      'sidekiq:*',
    ],
    common: ['queue:*'],
  },
  {
    name: 'celery',
    title: 'Celery',
    globs: [
      ...['celery', 'unacked', 'unacked_index', 'unacked_mutex', '_kombu.*'],
      // Kombu separates the priority from the queue's name by these two bytes.
      '*\x06\x16[0-9]',
      ...['celery-task-meta-*', 'celery-taskset-meta-*', 'chord-unlock-*'],
      ...['celeryev.*', '*.reply.celery.pidbox'],
    ],
  },
  { name: 'rq', title: 'RQ', globs: ['rq:*'] },
  { name: 'resque', title: 'Resque', globs: ['resque:*'] },
  { name: 'bee-queue', title: 'bee-queue', globs: ['bq:*'] },
  { name: 'bull', title: 'Bull and BullMQ', globs: ['bull:*', '{bull}:*'] },
  {
    name: 'laravel',
    title: 'Laravel and Horizon',
    globs: ['queues:*', '*_database_queues:*', '*-database-queues:*', '*_horizon:*'],
  },
  { name: 'huey', title: 'Huey', globs: ['huey.*'] },
  { name: 'dramatiq', title: 'Dramatiq', globs: ['dramatiq:*', 'dramatiq-results:*'] },
  { name: 'arq', title: 'arq', globs: ['arq:*'] },
];

/** The families that have built-in rules, in the config's words. */
export type FamilyChoice = 'auto' | 'off' | readonly FamilyName[];

/** The families that a choice names, in the order of the table. */
export function chosenFamilies(choice: FamilyChoice): readonly Family[] {
  if (choice === 'auto') return FAMILIES;
  return choice === 'off' ? [] : FAMILIES.filter(({ name }) => choice.includes(name));
}

/** The family of this name. */
export function familyNamed(name: FamilyName): Family {
  return FAMILIES[FAMILY_NAMES.indexOf(name)];
}

/** The globs of a family as bytes. */
export function familyGlobs(name: FamilyName): Uint8Array[] {
  return familyNamed(name).globs.map(bytesOf);
}

/** The globs that suffice to show that it is this family. */
export function tellingGlobs(name: FamilyName): Uint8Array[] {
  const { globs, common = [] } = familyNamed(name);
  return globs.filter((glob) => !common.includes(glob)).map(bytesOf);
}

function bytesOf(glob: string): Uint8Array {
  return Uint8Array.from(glob, (sign) => sign.charCodeAt(0));
}

let elements: readonly (readonly [Family, readonly (readonly GlobElement[])[]])[] | undefined;

/** The family to which all keys that a glob matches certainly belong; undefined: there is none. */
export function familyOf(glob: Uint8Array): Family | undefined {
  elements ??= FAMILIES.map((family) => [family, tellingGlobs(family.name).map(globElements)] as const);
  const narrow = globElements(glob);
  return elements.find(([, globs]) => globs.some((wide) => elementsCover(wide, narrow)))?.[0];
}
