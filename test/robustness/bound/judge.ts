// Runs scenarios at their CI size as subtests: memory under the stated bound, every descriptor back, and an ordinary
// client served rightly all the while. How quickly it was served is left to the full run: CI machines are no scale.
import type { Test } from 'tap';
import { Bystander } from './bystander.js';
import { MB } from './proc.js';
import { runProxied } from './run.js';
import type { Scenario } from './scenario.js';

const SAMPLES_ALONE = 20;

export function judge(t: Test, scenarios: readonly Scenario[]): void {
  const bystander = new Bystander();
  t.teardown(() => bystander.stop());
  for (const scenario of scenarios.filter(({ ci }) => ci > 0)) {
    void t.test(`${scenario.title}: ${scenario.ci} ${scenario.unit}`, { timeout: 120_000 }, async (t) => {
      const outcome = await runProxied(scenario, {
        bystander,
        size: scenario.ci,
        entry: 'dist',
        samplesAlone: SAMPLES_ALONE,
      });
      const { grown, bound, beside, descriptorsBefore, descriptorsAfter } = outcome;
      t.ok(grown <= bound, `grown by ${(grown / MB).toFixed(1)} MB of ${(bound / MB).toFixed(1)}`);
      t.ok(descriptorsAfter <= descriptorsBefore, `descriptors: ${descriptorsBefore}, ${descriptorsAfter}`);
      t.equal(beside.example, '', 'an ordinary client had no wrong reply');
      t.ok(beside.samples > 0 && beside.wrong === 0, `and ${beside.samples} right ones`);
    });
  }
}
