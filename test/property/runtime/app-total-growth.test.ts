// What the primary counts of its workers' growth: whatever they say and whichever of them end, all that was let through is
// in the sum, and each worker hears of all others'.
import fc from 'fast-check';
import t from 'tap';
import { ShedGate } from '../../../src/core/policy/shed.js';
import type { Growth } from '../../../src/runtime/workers/messages.js';
import { NO_GROWTH, TotalGrowth } from '../../../src/runtime/workers/total-growth.js';

t.test('the sum of all that was said', async (t) => {
  const more = fc.record({
    worker: fc.nat(3),
    what: fc.constantFrom('let through', 'answered', 'relief', 'relief answered', 'eased', 'ends'),
    bytes: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.array(more, { maxLength: 100 }), (acts) => {
      const gate = new ShedGate();
      const growth = new TotalGrowth(gate);
      let eased = 0;
      gate.onRelief = (answered) => {
        if (answered) eased++;
      };
      const nothing = () => ({ ...NO_GROWTH, admittedBy: [...NO_GROWTH.admittedBy] });
      type Said = { -readonly [K in keyof Growth]: Growth[K] } & { admittedBy: number[] };
      const workers: Said[] = Array.from({ length: 4 }, nothing);
      const admittedBy = [0, 0, 0, 0];
      let [admitted, answered, reliefs, reliefsAnswered] = [0, 0, 0, 0];
      for (const { worker, what, bytes } of acts) {
        const said = workers[worker] as (typeof workers)[number];
        const before = eased;
        let expected = false;
        if (what === 'ends') {
          answered += said.admitted - said.answered;
          expected = said.reliefs > said.reliefsAnswered;
          reliefsAnswered += said.reliefs - said.reliefsAnswered;
          growth.lose(said);
          workers[worker] = nothing();
        } else {
          if (what === 'let through') {
            said.admitted += bytes;
            said.promised = bytes;
            admitted += bytes;
            const priority = bytes % admittedBy.length;
            said.admittedBy[priority] = (said.admittedBy[priority] as number) + bytes;
            admittedBy[priority] = (admittedBy[priority] as number) + bytes;
          } else if (what === 'answered') {
            answered += said.admitted - said.answered;
            said.answered = said.admitted;
          } else if (what === 'relief') {
            said.reliefs++;
            reliefs++;
          } else {
            if (what === 'relief answered') {
              reliefsAnswered += said.reliefs - said.reliefsAnswered;
              said.reliefsAnswered = said.reliefs;
            }
            said.eased++;
            expected = true;
          }
          growth.hear(said, { ...said, admittedBy: [...said.admittedBy] });
        }
        if (gate.admitted !== admitted || gate.answered !== answered) return false;
        if (String(Array.from(gate.admittedBy)) !== String(admittedBy)) return false;
        if (gate.reliefs !== reliefs || gate.reliefsAnswered !== reliefsAnswered) return false;
        if (eased > before !== expected) return false;
        for (const one of workers) {
          const known = growth.known(one);
          if (known.own !== one.admitted || known.own + known.elsewhere !== admitted) return false;
          const others = workers.filter((other) => other !== one);
          if (known.promisedElsewhere !== others.reduce((sum, { promised }) => sum + promised, 0))
            return false;
          if (known.reliefsElsewhere !== reliefs - one.reliefs) return false;
        }
      }
      return true;
    }),
    { numRuns: 1000 },
  );
  t.pass('always');
});
