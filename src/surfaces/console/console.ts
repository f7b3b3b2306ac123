// The console on the data port: the answers to `PROXY …`, with subcommands, help and errors as Redis has them: tables for
// people, and JSON for programs.
// It reads the same functions as the admin API and changes nothing. The caller has checked the client's rights.
// Invariants: every question gets exactly one reply; a failure to answer becomes an error reply, never an exception.

import { globMatches } from '../../core/policy/glob.js';
import { errorText } from '../../core/resp/client-errors.js';
import { type ConsoleQuestion, MOST_BYTES, MOST_WORDS } from '../../core/session/state/console-question.js';
import type { AdminSources } from '../admin/types.js';
import { explanationText } from '../explain/text.js';
import { Failure, Text } from '../reply-text.js';
import { type Answer, encodeReply, Json, Lines } from './encode.js';
import { infoSection } from './info.js';
import { wrap } from './layout.js';
import { clientsText, memoryText, prefixesText, rulesText, statsText } from './texts.js';

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
  /** The arguments in the help: `<needed>` or `[<optional>]`; '': none. */
  readonly usage: string;
  readonly help: string;
  /** How many arguments it takes. */
  readonly least?: number;
  readonly most?: number;
  /** `json`: the last argument was JSON, and is not among `args`. */
  answer(from: ConsoleSources, args: readonly string[], json: boolean): Answer | Promise<Answer>;
}

/** The default limit of the admin API. */
const SHOWN_CLIENTS = 20;
/** Bytes of a subcommand that an error repeats, as in Redis (server.c, commandCheckExistence). */
const REPEATED = 128;
/** Words of a command to explain. */
const MOST_EXPLAINED = MOST_WORDS - 3;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  CLIENTS: {
    usage: ' [JSON]',
    help: `The ${SHOWN_CLIENTS} clients that have sent the most bytes.`,
    async answer({ clients }, _, json) {
      const most = (await clients()).slice(0, SHOWN_CLIENTS);
      return json ? new Json(most) : new Lines(clientsText(most));
    },
  },
  EXPLAIN: {
    usage: ' [DB <number>] <key> | <command> <arg> ... [JSON]',
    help: 'What Spillway does with a command at this moment, and why; for a key alone: with a SET of it.',
    least: 1,
    most: MOST_EXPLAINED,
    answer: explainAnswer,
  },
  HELP: { usage: '', help: 'Print this help.', answer: () => new Lines(HELP) },
  INFO: { usage: '', help: 'All figures in the format of INFO.', answer: (from) => info(from) },
  MEMORY: {
    usage: ' [JSON]',
    help: 'State, memory, current refusals, and when memory will be full.',
    answer({ memory, growth, state }, _, json) {
      const report = growth();
      if (!json) return new Lines(memoryText(memory(), report, state()));
      const { memory: rate, timeToFull, timeToFullUnrefused, marks } = report;
      return new Json({ ...memory(), growth: rate, timeToFull, timeToFullUnrefused, marks });
    },
  },
  PREFIXES: {
    usage: ' [JSON]',
    help: 'Patterns of keys that no rule matches, those with the most writes first; in JSON with a rule for each.',
    async answer({ stats }, _, json) {
      const { discovered } = await stats();
      return json ? new Json(discovered) : new Lines(prefixesText(discovered));
    },
  },
  RULES: {
    usage: ' [JSON]',
    help: 'The rules in effect; in JSON with all their settings.',
    async answer({ rules, mode }, _, json) {
      const all = await rules();
      return json ? new Json(all) : new Lines(rulesText(all, mode()));
    },
  },
  STATS: {
    usage: ' [<pattern>] [JSON]',
    help: 'Writes by rule since the start, for all rules or those whose name matches the glob <pattern>.',
    most: 1,
    async answer({ stats }, [pattern], json) {
      const { rules, unregistered } = await stats();
      const glob = pattern === undefined ? undefined : Buffer.from(pattern, 'latin1');
      const shown = [...rules, unregistered].filter(({ name }) => matches(glob, name));
      return json
        ? new Json(Object.fromEntries(shown.map((rule) => [rule.name, rule])))
        : new Lines(statsText(shown));
    },
  },
  VERSION: { usage: '', help: 'The version of Spillway.', answer: ({ version }) => version },
};

const HELP: readonly string[] = [
  'PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  ...Object.entries(SUBCOMMANDS)
    // HELP comes last, as in CLIENT HELP.
    .sort(([name], [other]) => Number(name === 'HELP') - Number(other === 'HELP'))
    .flatMap(([name, { usage, help }]) => [`${name}${usage}`, ...wrap(`    ${help}`)]),
];

function explainAnswer({ explain }: ConsoleSources, args: readonly string[], json: boolean): Answer {
  const [first, number = ''] = args;
  const inDb = args.length > 1 && first.toUpperCase() === 'DB';
  if (inDb && !/^\d{1,6}$/.test(number)) return new Failure(errorText('PROXY_DATABASE'));
  const words = args.slice(inDb ? 2 : 0).map((word) => Buffer.from(word, 'latin1').toString('utf8'));
  if (words.length === 0) return new Failure(errorText('PROXY_ARITY', 'proxy|explain'));
  const [name, key] = words;
  const db = inDb ? { db: Number(number) } : {};
  const explained = explain({
    ...(key === undefined ? { key: name, command: [] } : { key, command: words }),
    ...db,
  });
  return json
    ? new Json(explained)
    : new Lines(
        explanationText(explained)
          .split('\n')
          .flatMap((line) => wrap(line, line.startsWith('  ') ? EXPLAINED_INDENT : 0)),
      );
}

/** The column where the texts of an explanation begin, after their labels. */
const EXPLAINED_INDENT = 14;

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

function answer({ words }: ConsoleQuestion, from: ConsoleSources): Answer | Promise<Answer> {
  const [name, ...given] = words;
  if (name === undefined) return new Failure(errorText('PROXY_ARITY', 'proxy'));
  const upper = name.toUpperCase();
  if (!Object.hasOwn(SUBCOMMANDS, upper)) {
    return new Failure(errorText('PROXY_SUBCOMMAND', name.slice(0, REPEATED)));
  }
  const { usage, least = 0, most = 0, ...subcommand } = SUBCOMMANDS[upper];
  const json = usage.endsWith('[JSON]') && given.length > least && given.at(-1)?.toUpperCase() === 'JSON';
  const args = json ? given.slice(0, -1) : given;
  if (args.length > most || args.length < least) {
    return new Failure(errorText('PROXY_ARITY', `proxy|${name.toLowerCase()}`));
  }
  if (args.some(({ length }) => length > MOST_BYTES)) {
    return new Failure(errorText('PROXY_PATTERN', String(MOST_BYTES)));
  }
  return subcommand.answer(from, args, json);
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
