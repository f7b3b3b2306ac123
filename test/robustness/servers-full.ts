// The full run of what happens to servers: 50 deaths under load, and a stop of five seconds. Prints TAP, leaves
// figures: `tsx test/robustness/servers-full.ts`. Other numbers by SPILLWAY_KILLS, SPILLWAY_PAUSE_MS, SPILLWAY_SEED.
import t from 'tap';
import { keepRun } from '../support/figures.js';
import { median } from '../support/median.js';
import { killUnderLoad } from './servers-kill.js';
import { pauseUnderLoad } from './servers-pause.js';

const kills = Number(process.env.SPILLWAY_KILLS ?? 50);
const pauseMs = Number(process.env.SPILLWAY_PAUSE_MS ?? 5000);
const seed = Number(process.env.SPILLWAY_SEED ?? 7);
const RECOVERY_BOUND_MS = 1000;

t.setTimeout(0);
t.test('what happens to servers, in full', { timeout: 0 }, async (t) => {
  const killed = await killUnderLoad(t, kills, seed);
  const slowest = Math.max(...killed.recoveryMs);
  t.ok(slowest < RECOVERY_BOUND_MS, `served again after ${slowest} ms at most`);
  const slowestReady = Math.max(...killed.readyMs);
  t.ok(slowestReady < RECOVERY_BOUND_MS, `ready by its own account after ${slowestReady} ms at most`);
  const paused = await pauseUnderLoad(t, pauseMs, seed);
  keepRun('servers', {
    kills,
    killCommands: killed.load.tally.answered,
    killSessions: killed.load.sessions,
    killCutSessions: killed.load.cutSessions,
    killFaults: killed.load.tally.faults,
    recoveryMaxMs: slowest,
    recoveryMedianMs: median(killed.recoveryMs),
    readyMaxMs: slowestReady,
    readyMedianMs: median(killed.readyMs),
    pauseMs,
    pauseCommands: paused.load.tally.answered,
    pauseFaults: paused.load.tally.faults,
    pauseGrownMiB: Math.round((paused.grownBytes / 1024 / 1024) * 10) / 10,
  });
});
