// What the machine does to the GETs when any process works on it: this one uses about a quarter of a processor at the
// lowest priority, touches memory of its own, and never talks to Redis. `BYTES SECONDS`; tells that it begins, and the
// seconds it took.
import os from 'node:os';

const [bytes, seconds] = process.argv.slice(2).map(Number) as [number, number];
const WORK_MS = 0.3;
const REST_MS = 1;
/** Not the same line of each page of memory, so that no cache keeps it. */
const STEP = 7 * 4096 + 64;
const STEPS_A_LOOK = 50;

os.setPriority(os.constants.priority.PRIORITY_LOW);
const memory = Buffer.alloc(bytes, 1);
process.send?.('begin');
const begun = performance.now();
let at = 0;
while (performance.now() - begun < seconds * 1000) {
  const turn = performance.now();
  while (performance.now() - turn < WORK_MS) {
    for (let i = 0; i < STEPS_A_LOOK; i++) {
      at = (at + STEP) % bytes;
      memory[at] = (memory[at] as number) + 1;
    }
  }
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
}
process.send?.((performance.now() - begun) / 1000);
