// A command takes no memory of the heap in the core: what each one throws away, the garbage collector has to stop for.
// Measured is what is allocated between two looks at the heap; the least that is (a number with a fraction) takes 12 bytes.
import v8 from 'node:v8';
import t from 'tap';
import { sessionCases } from '../../../bench/micro/session.js';

/** Compiles where it stands, so that what is measured is the same on a busy machine. */
v8.setFlagsFromString('--no-concurrent-recompilation');

/** Commands between two looks: few enough that no garbage is collected meanwhile. */
const COMMANDS = 6400;
const LOOKS = 31;
/** Less than a single number for each second command. What a pipeline of 64 takes, a view or two, is far below. */
const MOST_BYTES = 5;
/** Until the compiler is done. */
const WARM_UP = 60_000;

let time = 1000.25;
const cases = sessionCases({ sink: () => ({ write() {} }), manyKeys: 2048, clock: () => time });

for (const { what, commands, run } of cases) {
  t.test(what, async (t) => {
    const work = (count: number): void => {
      for (let done = 0; done < count; done += commands) {
        time += 0.125;
        run();
      }
    };
    work(WARM_UP);
    const looks = Array.from({ length: LOOKS }, () => {
      const before = v8.getHeapStatistics().used_heap_size;
      work(COMMANDS);
      return (v8.getHeapStatistics().used_heap_size - before) / COMMANDS;
    });
    // One in which garbage was collected is below zero; the median is none of these.
    const bytes = looks.sort((a, b) => a - b)[LOOKS >> 1] ?? Number.NaN;
    t.ok(bytes < MOST_BYTES, `${bytes.toFixed(1)} bytes a command`);
  });
}
