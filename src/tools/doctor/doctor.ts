// Examines servers: collects the facts of each, runs every check, and sorts the findings. Owns the order of these steps.
import type { RuleSet } from '../../core/policy/rule-set.js';
import type { ExpectedUpstream } from '../../memory/upstream-kind.js';
import type { PolicyOutlook } from '../../observe/advice/outlook.js';
import { analyze } from '../analyze/analyze.js';
import { ServerError } from '../keyspace/endpoint.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { Follower } from '../keyspace/redirect.js';
import { databasesOf, type Server, type Servers } from '../keyspace/servers.js';
import { programName, spillwayFlags, type TlsWays, type Told } from '../keyspace/shell.js';
import { walk } from '../keyspace/walk.js';
import { BUFFER_CHECKS } from './checks-buffers.js';
import { COMPACT_CHECKS } from './checks-compact.js';
import { FIELD_CHECKS } from './checks-fields.js';
import { HEALTH_CHECKS } from './checks-health.js';
import { KEY_CHECKS } from './checks-keys.js';
import { LIMIT_CHECKS } from './checks-limit.js';
import { MEMORY_CHECKS } from './checks-memory.js';
import { PLACE_CHECKS } from './checks-places.js';
import { POLICY_CHECKS, policyOutlooks } from './checks-policy.js';
import { UPSTREAM_CHECKS } from './checks-upstream.js';
import { type Committed, committedOf } from './committed.js';
import { type Facts, gather, type KeyFacts } from './facts.js';
import { type Check, type Finding, figure, SEVERITIES, type Severity } from './finding.js';
import { leavesToPrimary } from './room.js';
import { ShapeVisitor } from './shapes.js';

/** Each has its line in docs/TOOLS.md. */
export const CHECKS: readonly Check[] = [
  ...UPSTREAM_CHECKS,
  ...PLACE_CHECKS,
  ...LIMIT_CHECKS,
  ...POLICY_CHECKS,
  ...MEMORY_CHECKS,
  ...BUFFER_CHECKS,
  ...KEY_CHECKS,
  ...COMPACT_CHECKS,
  ...FIELD_CHECKS,
  ...HEALTH_CHECKS,
];

export interface Examination {
  readonly version: 1;
  readonly servers: readonly ServerExamination[];
  /** The worst severity; null: nothing was found. */
  readonly worst: Severity | null;
}

export interface ServerExamination {
  readonly server: string;
  /** The worst first. */
  readonly findings: readonly (Finding & { readonly id: string })[];
  /** Ids of the checks that found nothing. */
  readonly fine: readonly string[];
  /** Ids of the checks that could not be made. */
  readonly notMade: readonly string[];
  /** Ids of the checks that concern what a replica leaves to its primary; empty except on a replica. */
  readonly notApplicable: readonly string[];
  /** Whether the commands of the mends take the password from REDISCLI_AUTH. */
  readonly needsPassword: boolean;
  /** What could not be read, and why. */
  readonly unread: readonly string[];
  /** Memory against the limit; null: there is no limit, or a replica leaves it to its primary. */
  readonly memory: (Committed & { readonly limitBytes: number }) | null;
  /** What each eviction policy would do here; empty: there is no limit, or nobody has examined the keys. */
  readonly policies: readonly PolicyOutlook[];
}

export interface ExamineOptions {
  /** For CLIENT LIST. */
  readonly name: string;
  /** For the commands of the mends. */
  readonly tls?: TlsWays | undefined;
  readonly told: Told;
  /** The rules of the config; undefined: there is no config. */
  readonly rules?: RuleSet | undefined;
  /** upstream.expect of the config; undefined: there is no config. */
  readonly expect?: ExpectedUpstream | undefined;
  /** How many keys to sample; 0: none. */
  readonly sample: number;
  readonly maxRate: number | undefined;
  readonly signal: AbortSignal;
  readonly progress?: WalkProgress;
}

/** @throws ServerError */
export async function examine(servers: Servers, options: ExamineOptions): Promise<Examination> {
  const examined: ServerExamination[] = [];
  for (const server of servers.all) {
    if (options.signal.aborted) break;
    const unread: string[] = [];
    const keys = await keysOf(server, servers, options, unread);
    const facts = await gather(server, keys, unread, {
      tls: options.tls,
      rules: options.rules,
      expect: options.expect,
    });
    if (facts.info.size === 0) throw new ServerError(`${server.name}: INFO is refused: ${unread[0]}`);
    examined.push(leadingThere(judge(facts), spillwayFlags(options.told)));
  }
  const worst = SEVERITIES.find((severity) =>
    examined.some(({ findings }) => findings.some((finding) => finding.severity === severity)),
  );
  return { version: 1, servers: examined, worst: worst ?? null };
}

/** Makes the spillway commands of the findings what a user types, with the flags that lead to the same server. */
function leadingThere(examination: ServerExamination, flags: string): ServerExamination {
  const led = (line: string): string =>
    line.replace(TOOL, (_, tool) => [programName(), tool, flags].filter((part) => part !== '').join(' '));
  const findings = examination.findings.map((finding) => ({ ...finding, mend: finding.mend.map(led) }));
  return { ...examination, findings };
}

const TOOL = /^spillway (analyze|sweep|init)\b/;

/** Runs every check. Pure. */
export function judge(facts: Facts): ServerExamination {
  const findings: (Finding & { id: string })[] = [];
  const fine: string[] = [];
  const notMade: string[] = [];
  const notApplicable: string[] = [];
  for (const { id, needs, primaryOnly, run } of CHECKS) {
    if (primaryOnly && leavesToPrimary(facts)) notApplicable.push(id);
    else if (needs !== undefined && facts[needs] === undefined) notMade.push(id);
    else {
      const finding = run(facts);
      if (finding === undefined) fine.push(id);
      else findings.push({ id, ...finding });
    }
  }
  findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  const { server, needsPassword, unread } = facts;
  const policies = policyOutlooks(facts);
  return {
    server,
    findings,
    fine,
    notMade,
    notApplicable,
    needsPassword,
    unread,
    memory: memoryOf(facts),
    policies,
  };
}

function memoryOf(facts: Facts): ServerExamination['memory'] {
  const limitBytes = figure(facts, 'maxmemory');
  return limitBytes > 0 && !leavesToPrimary(facts) ? { ...committedOf(facts), limitBytes } : null;
}

const NO_KEYS: KeyFacts = { keys: undefined, shapes: undefined, fields: undefined };

async function keysOf(
  server: Server,
  servers: Servers,
  options: ExamineOptions,
  unread: string[],
): Promise<KeyFacts> {
  const { name, sample, maxRate, signal, progress } = options;
  if (sample === 0) return NO_KEYS;
  try {
    const one = { ...servers, all: [server], close: () => {} };
    const rules = { rules: undefined, db: undefined, samples: undefined, biggest: 5 };
    const keys = await analyze(one, {
      name,
      ...rules,
      sample,
      maxRate,
      signal,
      title: 'doctor',
      ...(progress && { progress }),
    });
    const looks = await looksOf(server, options, unread);
    if (!keys.partial && !signal.aborted) return { keys, ...looks };
    unread.push('the keys: doctor ended before it had examined enough of them');
    return NO_KEYS;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    unread.push(error.message);
    return NO_KEYS;
  }
}

/** For the largest database. */
async function looksOf(
  server: Server,
  { name, sample, signal }: ExamineOptions,
  unread: string[],
): Promise<Omit<KeyFacts, 'keys'>> {
  const { endpoint } = server;
  const [largest] = (await databasesOf(server)).sort((a, b) => b.keys - a.keys);
  const db = largest?.db ?? 0;
  const visitor = new ShapeVisitor(endpoint, db, name);
  const follower = new Follower(name);
  const enough = new AbortController();
  try {
    await walk(
      {
        endpoint,
        db,
        name,
        signal: AbortSignal.any([signal, enough.signal]),
        onPage() {
          if (visitor.looked >= sample) enough.abort();
        },
      },
      visitor,
    );
    const fields = visitor.small.fields((questions) => follower.ask(endpoint, db, questions));
    return { shapes: visitor.shapes, fields: await readable(fields, unread) };
  } finally {
    follower.close();
    visitor.close();
  }
}

/** undefined if the server refuses it, which is noted. */
async function readable<T>(asked: Promise<T>, unread: string[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    unread.push(error.message);
    return undefined;
  }
}
