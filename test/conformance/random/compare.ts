// One session in one mode: played direct, then through each proxy of the mode, and compared: what every client got,
// byte for byte, and what the servers hold afterwards.
import { fit } from './fit.js';
import { type Keyspace, readKeyspace, ttlsApart, valuesApart } from './keyspace.js';
import type { Mode } from './modes.js';
import { type Played, playDirect, playThrough } from './play.js';
import { promised } from './promise.js';
import { asOom, refused } from './refusal.js';
import type { Session, Step } from './session.js';
import { empty, type Stage, type Watched } from './stage.js';

/** More than the clock can do between two looks. */
const SLACK_MS = 1000;

export interface Comparison {
  /** What was played. */
  readonly session: Session;
  /** The first difference found. */
  readonly difference: string | undefined;
}

/** `patience`: for how long, in milliseconds, bytes may be missing before that is the difference. */
export async function compare(stage: Stage, mode: Mode, any: Session, patience: number): Promise<Comparison> {
  const session = fit(any, mode);
  const began = Date.now();
  const slack = () => Date.now() - began + SLACK_MS;
  const direct = await playOn(
    stage.direct,
    session,
    mode === 'shed' ? (step) => refused(step, stage.before7) : undefined,
  );
  const wanted: Played = mode === 'shed' ? { ...direct, seen: asOom(direct.seen) } : direct;
  const values = await readKeyspace(stage.direct.watch.admin);
  const ttls = mode === 'ttl' ? await promisedTtls(stage, wanted) : values;
  const difference = await firstDifference(stage, mode, async (port) => {
    const replies = await playThrough(stage.behind.watch, port, wanted, patience);
    if (replies !== undefined) return replies;
    const found = await readKeyspace(stage.behind.watch.admin);
    return valuesApart(values, found) ?? ttlsApart(ttls, found, slack(), (key) => /^\d+\/j:/.test(key));
  });
  return { session, difference };
}

/** Whether the session has the same outcome on two servers without any proxy; undefined, or how it differs. */
export async function unrepeatable(
  stage: Stage,
  mode: Mode,
  any: Session,
  patience: number,
): Promise<string | undefined> {
  const direct = await playOn(stage.direct, fit(any, mode));
  const values = await readKeyspace(stage.direct.watch.admin);
  await empty(stage.behind);
  const replies = await playThrough(stage.behind.watch, stage.behind.port, direct, patience);
  return replies ?? valuesApart(values, await readKeyspace(stage.behind.watch.admin));
}

async function firstDifference(
  stage: Stage,
  mode: Mode,
  play: (port: number) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (const { setting, port } of stage.proxies) {
    if (setting.mode !== mode) continue;
    await empty(stage.behind);
    const difference = await play(port);
    if (difference !== undefined) return `with ${setting.name}: ${difference}`;
  }
  return undefined;
}

async function playOn(server: Watched, session: Session, inItsPlace?: (step: Step) => Step): Promise<Played> {
  await empty(server);
  return playDirect(server.watch, server.port, session, inItsPlace);
}

async function promisedTtls(stage: Stage, { session }: Played): Promise<Keyspace> {
  await playOn(stage.promised, promised(session, stage.before7));
  return readKeyspace(stage.promised.watch.admin);
}
