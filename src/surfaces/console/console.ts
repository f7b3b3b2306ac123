// The console on the data port: the answers to `PROXY …`, with subcommands, help and errors as Redis has them.
// It reads the same functions as the admin API and changes nothing. The caller has checked the client's rights.
// Invariants: every question gets exactly one reply; a failure to answer becomes an error reply, never an exception.

import { globMatches } from '../../core/policy/glob.js';
import { errorText } from '../../core/resp/client-errors.js';
import { type ConsoleQuestion, MOST_BYTES } from '../../core/session/state/console-question.js';
import type { AdminSources } from '../admin/types.js';
import { encodeReply, Failure, Status, Text } from './encode.js';
import { infoSection } from './info.js';

export interface ConsoleSources
  extends Pick<
    AdminSources,
    'explain' | 'stats' | 'rules' | 'memory' | 'state' | 'connections' | 'workers' | 'growth' | 'clients'
  > {
  readonly version: string;
  mode(): string;
  /** Reports a question that could not be answered. */
  failed(error: unknown): void;
}

interface Subcommand {
  /** The argument in the help: `<needed>` or `[<optional>]`; '': none. */
  readonly usage: string;
  readonly help: string;
  answer(from: ConsoleSources, pattern: string | undefined, more: string | undefined): unknown;
}

/** The default limit of the admin API. */
const SHOWN_CLIENTS = 20;
/** Bytes of a subcommand that an error repeats, as in Redis (server.c, commandCheckExistence). */
const REPEATED = 128;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  CLIENTS: {
    usage: '',
    help: `The ${SHOWN_CLIENTS} clients that have sent the most bytes.`,
    answer: async ({ clients }) => (await clients()).slice(0, SHOWN_CLIENTS),
  },
  EXPLAIN: {
    usage: ' <key> [<db>]',
    help: 'What Spillway does with a SET of <key> in database <db> (default: 0) at this moment, and why.',
    answer: ({ explain }, key = '', db = '0') =>
      /^\d{1,6}$/.test(db)
        ? explain({ key: Buffer.from(key, 'latin1').toString('utf8'), command: [], db: Number(db) })
        : new Failure(errorText('PROXY_DATABASE')),
  },
  HELP: { usage: '', help: 'Print this help.', answer: () => HELP },
  INFO: { usage: '', help: 'All figures in the format of INFO.', answer: async (from) => info(from) },
  MEMORY: {
    usage: '',
    help: 'The last reading of memory, pressure, current refusals, and when memory will be full.',
    answer({ memory, growth }) {
      const { memory: rate, timeToFull, timeToFullUnrefused, marks } = growth();
      return { ...memory(), growth: rate, timeToFull, timeToFullUnrefused, marks };
    },
  },
  PREFIXES: {
    usage: '',
    help: 'Patterns of keys that no rule matches, the most written first.',
    answer: async ({ stats }) => (await stats()).discovered,
  },
  RULES: { usage: '', help: 'The rules in effect.', answer: ({ rules }) => rules() },
  STATS: {
    usage: ' [<pattern>]',
    help: 'Writes by rule, for all rules or those whose name matches the glob <pattern>.',
    async answer({ stats }, pattern) {
      const { rules, unregistered } = await stats();
      const glob = pattern === undefined ? undefined : Buffer.from(pattern, 'latin1');
      const shown = [...rules, unregistered].filter(({ name }) => matches(glob, name));
      return Object.fromEntries(shown.map((rule) => [rule.name, rule]));
    },
  },
  VERSION: { usage: '', help: 'The version of Spillway.', answer: ({ version }) => version },
};

const HELP: readonly Status[] = [
  'PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  ...Object.entries(SUBCOMMANDS)
    // HELP comes last, as in CLIENT HELP.
    .sort(([name], [other]) => Number(name === 'HELP') - Number(other === 'HELP'))
    .flatMap(([name, { usage, help }]) => [`${name}${usage}`, `    ${help}`]),
].map((line) => new Status(line));

/** Limits of one round: no further question is answered after this time or this many bytes. */
const ROUND = { ms: 20, bytes: 1024 * 1024 } as const;

/**
 * Complete replies to the first questions, at least one. All replies of a round use the same figures, which are collected
 * when they are first needed. The remaining questions wait for the next round.
 */
export async function answerQuestions(
  questions: readonly ConsoleQuestion[],
  from: ConsoleSources,
): Promise<Uint8Array[]> {
  const { stats, connections, workers, clients, rules } = from;
  const figures = {
    ...from,
    ...{ stats: once(stats), connections: once(connections), workers: once(workers), clients: once(clients) },
    rules: once(rules),
  };
  const replies: Uint8Array[] = [];
  let bytes = 0;
  let until = Number.POSITIVE_INFINITY;
  for (const question of questions) {
    const reply = await answerQuestion(question, figures);
    replies.push(reply);
    bytes += reply.length;
    // The clock starts after the first reply, which may have waited for figures.
    until = Math.min(until, performance.now() + ROUND.ms);
    if (bytes >= ROUND.bytes || performance.now() >= until) break;
  }
  return replies;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

async function answerQuestion(question: ConsoleQuestion, from: ConsoleSources): Promise<Uint8Array> {
  const { resp } = question;
  try {
    return encodeReply(await answer(question, from), resp);
  } catch (error) {
    from.failed(error);
    return encodeReply(new Failure(errorText('PROXY_FAILED')), resp);
  }
}

function answer({ words }: ConsoleQuestion, from: ConsoleSources): unknown {
  const [name, pattern, more] = words;
  if (name === undefined) return new Failure(errorText('PROXY_ARITY', 'proxy'));
  const upper = name.toUpperCase();
  if (!Object.hasOwn(SUBCOMMANDS, upper)) {
    return new Failure(errorText('PROXY_SUBCOMMAND', name.slice(0, REPEATED)));
  }
  const subcommand = SUBCOMMANDS[upper];
  const most = subcommand.usage.split(' ').length;
  const least = subcommand.usage.startsWith(' <') ? 2 : 1;
  if (words.length > most || words.length < least) {
    return new Failure(errorText('PROXY_ARITY', `proxy|${name.toLowerCase()}`));
  }
  if (pattern !== undefined && pattern.length > MOST_BYTES) {
    return new Failure(errorText('PROXY_PATTERN', String(MOST_BYTES)));
  }
  return subcommand.answer(from, pattern, more);
}

function matches(glob: Uint8Array | undefined, name: string): boolean {
  if (glob === undefined) return true;
  const bytes = Buffer.from(name, 'latin1');
  return globMatches(glob, bytes, 0, bytes.length);
}

async function info({ version, mode, state, stats, memory, connections, workers, growth }: ConsoleSources) {
  const [counted, network, processes] = await Promise.all([stats(), connections(), workers()]);
  const { rules, unregistered, since, takenAt, upstreamOom, latency } = counted;
  const { memory: rate, timeToFull, timeToFullUnrefused, writesPerSecond, shedPerSecond } = growth();
  const { level, ...reading } = memory();
  const uptimeSeconds = Math.floor((Date.parse(takenAt) - Date.parse(since)) / 1000);
  const byNumber = rules.map((rule, i) => [`rule${i}`, rule] as const);
  return new Text(
    [
      infoSection('Spillway', {
        spillwayVersion: version,
        mode: mode(),
        ...stateFields(state()),
        uptimeInSeconds: uptimeSeconds,
      }),
      infoSection('Workers', processes),
      infoSection('Connections', network),
      infoSection('Memory', reading),
      infoSection('Shedding', level),
      infoSection('Growth', {
        writesPerSecond,
        shedPerSecond,
        growth: rate,
        timeToFull,
        timeToFullUnrefused,
      }),
      infoSection('Stats', { since, takenAt, upstreamOom, latency }),
      infoSection('Rules', { ...Object.fromEntries(byNumber), unregistered }),
    ].join('\r\n'),
  );
}

function stateFields({ state, text, since, also }: ReturnType<ConsoleSources['state']>) {
  return { state, stateText: text, stateSince: since, stateAlso: also.map((one) => one.state).join(' ') };
}
