// The table of all scenarios, in the order in which they are run and reported.
import { CROWDS } from './crowds.js';
import { ENDLESS } from './endless.js';
import { LARGE } from './large.js';
import type { Scenario } from './scenario.js';
import { SLOW_READERS } from './slow-readers.js';

export const SCENARIOS: readonly Scenario[] = [...SLOW_READERS, ...CROWDS, ...ENDLESS, ...LARGE];
