// For `node --import`: the wall clock of a process and of its workers goes by as many milliseconds more as the file says that
// TEST_CLOCK_FILE names, which may change at any time. The monotonic clock and all timers stay as they are, as when a
// machine's clock is set.
import { readFileSync } from 'node:fs';

const file = process.env.TEST_CLOCK_FILE ?? '';
const Real = Date;
const now = () => Real.now() + Number(readFileSync(file, 'utf8'));

globalThis.Date = class extends Real {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }

  static now() {
    return now();
  }
};
