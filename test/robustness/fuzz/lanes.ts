// All lanes of the fuzz run, each as often as its cases are worth.
import type { Lane } from './fuzz-case.js';
import { chaosLane, repliesLane } from './lane-replies.js';
import { replyScannerLane } from './lane-reply-scanner.js';
import { requestScannerLane } from './lane-request-scanner.js';
import { passLane, rulesLane } from './lane-requests.js';
import { sequencerLane } from './lane-sequencer.js';

export const LANES: readonly Lane[] = [
  passLane,
  rulesLane,
  requestScannerLane,
  repliesLane,
  chaosLane,
  sequencerLane,
  replyScannerLane,
];

/** @throws Error when no lane has this name. */
export function laneOf(name: string): Lane {
  const lane = LANES.find((one) => one.name === name);
  if (lane === undefined) throw new Error(`no lane is called ${name}`);
  return lane;
}
