// The full fuzz run: ten million requests and replies through all lanes in as many processes as asked for, then the
// storm on real sockets with the proxy's memory and descriptors watched. Saves what fails into the corpus.
//   tsx test/robustness/fuzz-full.ts [--requests N] [--minutes M] [--workers W] [--storm-seconds S]
// SPILLWAY_SEED repeats a run. Exits with 1 when anything failed.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepRun } from '../support/figures.js';
import { wholeNumber } from '../support/options.js';
import { saveCase } from './fuzz/corpus.js';
import { decodeCase } from './fuzz/fuzz-case.js';
import { type Watched, watchStorm } from './fuzz/proxy-watch.js';
import { runSeed } from './fuzz/random.js';
import type { Report, Share } from './fuzz/worker.js';

const MB = 1024 * 1024;
/** Much of the heap at either end is what the runtime itself keeps; what leaks with each case would be far more. */
const HEAP_SLACK_BYTES = 16 * MB;
/** Between the first and the last third of the storm. */
const RESIDENT_SLACK_BYTES = 24 * MB;
const PROGRESS_MS = 5000;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000000' },
    minutes: { type: 'string', default: '120' },
    workers: { type: 'string', default: String(availableParallelism()) },
    'storm-seconds': { type: 'string', default: '60' },
  },
});
const items = wholeNumber('requests', values.requests);
const milliseconds = wholeNumber('minutes', values.minutes) * 60_000;
const workers = wholeNumber('workers', values.workers);
const stormMs = wholeNumber('storm-seconds', values['storm-seconds']) * 1000;

const seed = runSeed();
console.log(`SPILLWAY_SEED=${seed}: ${items} requests and replies on ${workers} processes`);
const lanes = await runWorkers();
keepFailures(lanes);
const watched = await runStorm();
process.exitCode = summarize();

interface Lanes {
  readonly reports: readonly Report[];
  readonly seconds: number;
}

async function runWorkers(): Promise<Lanes> {
  const started = performance.now();
  const latest: Report[] = [];
  const ticker = setInterval(() => console.log(progressOf(latest, started)), PROGRESS_MS);
  try {
    const reports = await Promise.all(
      Array.from({ length: workers }, (_, i) => {
        const share = { seed: seed + i * 7919, items: Math.ceil(items / workers), milliseconds };
        return runWorker(share, (report) => {
          latest[i] = report;
        });
      }),
    );
    return { reports, seconds: (performance.now() - started) / 1000 };
  } finally {
    clearInterval(ticker);
  }
}

/** @throws Error when the worker ends without its last report: a crash that no lane caught. */
function runWorker(share: Share, progress: (report: Report) => void): Promise<Report> {
  const file = fileURLToPath(new URL('./fuzz/worker.ts', import.meta.url));
  const child = fork(file, { execArgv: [...process.execArgv, '--expose-gc'] });
  return new Promise((resolve, reject) => {
    child.on('message', (report: Report) => {
      progress(report);
      if (report.end !== undefined) resolve(report);
    });
    child.on('exit', (code, signal) => reject(new Error(`seed ${share.seed}: ended with ${signal ?? code}`)));
    child.send(share);
  });
}

async function runStorm(): Promise<Watched> {
  const ends: (() => unknown)[] = [];
  const scope = { comment: console.log, teardown: (end: () => unknown) => void ends.push(end) };
  try {
    return await watchStorm(scope, seed, stormMs);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

function sum(reports: readonly Report[], of: 'requests' | 'replies' | 'cases' | 'failed'): number {
  return reports.reduce((total, report) => total + report[of], 0);
}

function progressOf(reports: readonly Report[], started: number): string {
  const known = reports.filter((report) => report !== undefined);
  const done = sum(known, 'requests') + sum(known, 'replies');
  const rate = Math.round((1000 * done) / (performance.now() - started));
  return `${done} of ${items}, ${rate} a second, ${sum(known, 'failed')} cases failed`;
}

function keepFailures({ reports }: Lanes): void {
  for (const { message, encoded } of reports.flatMap(({ end }) => end?.failures ?? [])) {
    console.log(`${saveCase(decodeCase(encoded), message)}\n  ${message.slice(0, 400)}`);
  }
}

/** Prints and keeps the figures; returns the exit code. */
function summarize(): number {
  const { reports, seconds } = lanes;
  const ends = reports.flatMap(({ end }) => (end === undefined ? [] : [end]));
  for (const { message, case: stream } of watched.failures) {
    console.log(stream === undefined ? message : `${saveCase(stream, message)}\n  ${message}`);
  }
  const [requests, replies] = [sum(reports, 'requests'), sum(reports, 'replies')];
  const [first, , last] = watched.residentBytes;
  const figures = {
    ...{ seed, requests, replies, cases: sum(reports, 'cases'), failed: sum(reports, 'failed') },
    ...{ seconds: Math.round(seconds), perSecond: Math.round((requests + replies) / seconds), workers },
    heapMbBefore: ends.map(({ heapBefore }) => inMb(heapBefore)),
    heapMbAfter: ends.map(({ heapAfter }) => inMb(heapAfter)),
    storm: {
      ...{ seconds: stormMs / 1000, knownReplies: watched.known, spoiledStreams: watched.streams },
      ...{ spoiledRequests: watched.spoiled, resets: watched.resets, failed: watched.failures.length },
      residentMbByThird: watched.residentBytes.map(inMb),
      ...{ descriptorsBefore: watched.descriptorsBefore, descriptorsAfter: watched.descriptorsAfter },
    },
  };
  console.log(JSON.stringify(figures, null, 2));
  keepRun('fuzz', figures);
  const grown = ends.some(({ heapBefore, heapAfter }) => heapAfter > heapBefore + HEAP_SLACK_BYTES);
  const leaks = last > first + RESIDENT_SLACK_BYTES || watched.descriptorsAfter > watched.descriptorsBefore;
  if (grown) console.log('a heap has grown');
  if (leaks) console.log("the proxy's memory or descriptors have grown");
  const failed = figures.failed > 0 || watched.failures.length > 0 || !watched.alive;
  return failed || grown || leaks ? 1 : 0;
}

function inMb(bytes: number): number {
  return Math.round((10 * bytes) / MB) / 10;
}
