// Plays the cases of one client at every side and compares what they saw with what a direct client sees.
// A case says nothing of what is right: Redis does. Invariants: every case is bounded in time, and what it has
// opened is closed before the next one.
import { inspect } from 'node:util';
import type { Test } from 'tap';
import { type Figure, keepFigures } from '../../support/figures.js';
import type { Side } from './sides.js';

const LIMIT_MS = 60_000;
/** In place of the side's own address. */
const ADDRESS = '127.0.0.1:PORT';

export interface ClientCase<Tools> {
  readonly name: string;
  /** What the client saw: anything that inspects to the same text at every side. */
  readonly run: (tools: Tools) => Promise<unknown>;
  /** What is particular about it, for the docs. */
  readonly note?: string;
  /** Not played where every key gets a TTL, and why. */
  readonly notRuled?: string;
  /** Scripts write here, and Spillway gives their keys no TTL. */
  readonly scripted?: boolean;
}

/** Registers what ends something that a case has opened. */
export type Later = (close: () => unknown) => void;

export interface ClientRun<Tools> {
  /** The name of the figures: `clients-NAME`. */
  readonly name: string;
  readonly client: string;
  readonly version: string;
  readonly protocol: string;
  readonly sides: readonly Side[];
  readonly cases: readonly ClientCase<Tools>[];
  readonly tools: (side: Side, later: Later) => Tools;
  /** False where scripts write all keys, so that there is no TTL to look at. */
  readonly expectKeys?: boolean;
}

/** Each case is a subtest. Keeps the figures for the docs. */
export async function playCases<Tools>(t: Test, run: ClientRun<Tools>): Promise<void> {
  const { name, client, version, protocol } = run;
  const cases: Figure[] = [];
  let expiring = 0;
  for (const each of run.cases) {
    const { note } = each;
    await t.test(each.name, async (t) => {
      expiring += await playCase(t, run, each);
      cases.push({ name: each.name, ok: t.passing(), ...(note === undefined ? {} : { note }) });
    });
  }
  if (run.expectKeys ?? true) t.ok(expiring > 0, 'keys were there whose TTL could be looked at');
  keepFigures(`clients-${name}`, { client, version, protocol, cases });
}

/** Returns how many keys the rules were held to. */
async function playCase<Tools>(t: Test, run: ClientRun<Tools>, each: ClientCase<Tools>): Promise<number> {
  const sides = run.sides.filter((side) => !(side.ruled && each.notRuled !== undefined));
  const seen = await Promise.allSettled(sides.map((side) => playAt(side, run, each)));
  const [direct] = seen;
  if (direct?.status !== 'fulfilled') {
    t.fail(`direct: ${inspect(direct?.reason)}`);
    return 0;
  }
  for (const [i, { name }] of sides.entries()) {
    const outcome = seen[i];
    if (outcome?.status === 'fulfilled') t.equal(outcome.value, direct.value, name);
    else t.fail(`${name}: ${inspect(outcome?.reason)}`);
  }
  const ruled = sides.find((side) => side.ruled);
  if (ruled === undefined || each.scripted) return 0;
  const { withoutTtl, count } = await ruled.keys();
  t.equal(withoutTtl, '*0\r\n', 'the rule held: no key without its TTL');
  return count;
}

async function playAt<Tools>(side: Side, run: ClientRun<Tools>, each: ClientCase<Tools>): Promise<string> {
  const closers: (() => unknown)[] = [];
  await side.wipe();
  let saw: string;
  try {
    const tools = run.tools(side, (close) => closers.push(close));
    saw = shown(await within(LIMIT_MS, each.run(tools)));
  } finally {
    for (const close of closers.reverse()) await close();
  }
  await side.quiet();
  return saw.replaceAll(`127.0.0.1:${side.port}`, ADDRESS);
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As text, in which maps, buffers and objects of any class can be compared. */
function shown(value: unknown): string {
  return inspect(value, {
    ...{ depth: null, sorted: true, breakLength: 110 },
    ...{ maxArrayLength: null, maxStringLength: null },
  });
}

/** The text of the error that `work` fails with; what it brought, where it does not fail. */
export async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    return { unexpected: await work };
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error;
  }
}
