// Workers that let growth through together: whatever the order of messages, each counts what it knows of, never less
// than has really been let through and heard of, and nobody lacks more of another than a step.
import fc from 'fast-check';
import t from 'tap';
import { ShedGate } from '../../../src/core/policy/shed.js';
import type { GrowthKnown } from '../../../src/runtime/workers/messages.js';
import { SharedGrowth } from '../../../src/runtime/workers/shared-growth.js';

const STEP = 1000;

const known = (elsewhere: number, own: number): GrowthKnown => ({
  ...{ elsewhere, own, promisedElsewhere: 0, reliefsElsewhere: 0, briefElsewhere: 0, briefSpared: 0 },
});

class Worker {
  readonly gate = new ShedGate();
  readonly growth: SharedGrowth;
  own = 0;
  told = 0;
  /** To the primary, and from it, in order. */
  readonly up: number[] = [];
  readonly down: GrowthKnown[] = [];

  constructor(workers: number) {
    this.growth = new SharedGrowth(this.gate, workers);
    this.gate.onGrowth = () => this.look();
    this.look();
  }

  /** As Pressure.apply() does, then as a worker does. */
  look(): void {
    this.gate.wakeAt = this.gate.admitted + STEP;
    if (!this.growth.isDue()) return;
    this.told = this.growth.tell().admitted;
    this.up.push(this.told);
  }

  write(bytes: number): void {
    this.own += bytes;
    this.gate.grow(bytes);
  }

  hear(): void {
    const known = this.down.shift();
    if (known === undefined) return;
    this.growth.hear(known);
    this.look();
  }
}

t.test('growth is counted by all', async (t) => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('write' as const), bytes: fc.nat(300) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('up' as const) }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('down' as const) }) },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.tuple(fc.nat(4), act), { maxLength: 400, size: 'max' }),
      (count, steps) => {
        const workers = Array.from({ length: count }, () => new Worker(count));
        const heard = workers.map(() => 0);
        const tellAll = (): void => {
          const sum = heard.reduce((a, b) => a + b, 0);
          for (const [i, worker] of workers.entries()) {
            worker.down.push(known(sum - (heard[i] as number), heard[i] as number));
          }
        };
        for (const [who, step] of steps) {
          const i = who % count;
          const worker = workers[i] as Worker;
          if (step.what === 'write') worker.write(step.bytes);
          else if (step.what === 'down') worker.hear();
          else if (worker.up.length > 0) {
            heard[i] = worker.up.shift() as number;
            tellAll();
          }
          for (const { own, told, gate } of workers) {
            // One write may pass the step; the next is told.
            if ((own - told) * count >= STEP + 300 * count) return false;
            if (gate.admitted < own) return false;
          }
        }
        // Once all is told and heard of, all count the same: what was let through.
        for (let round = 0; round < 2; round++) {
          for (const [i, worker] of workers.entries()) {
            worker.up.length = 0;
            heard[i] = worker.growth.tell().admitted;
          }
          for (const worker of workers) worker.down.length = 0;
          tellAll();
          for (const worker of workers) worker.hear();
        }
        const total = workers.reduce((sum, { own }) => sum + own, 0);
        return workers.every(({ gate }) => Math.abs(gate.admitted - total) < 1e-6);
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('always');
});

t.test('simultaneous writes of all workers count before their messages arrive', async (t) => {
  const worker = new Worker(4);
  worker.write(100);
  t.equal(worker.gate.admitted, 400);
  worker.growth.hear(known(50, 100));
  t.equal(worker.gate.admitted, 150, 'then what is so');
});
