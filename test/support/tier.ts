// Which tier runs this file: a test that asks plays a cut in `npm test`, and everything in the rest and when it is run by
// itself. scripts/testing/plan.ts finds these files by their import, and runs them again in full.

/** Whether everything is to be played. */
export const FULL = process.env.SPILLWAY_TIER !== 'fast';

/** Of a test that only the whole file plays: `t.test(name, WHOLE, …)`. */
export const WHOLE = { skip: FULL ? false : 'npm run test:rest plays it' } as const;
