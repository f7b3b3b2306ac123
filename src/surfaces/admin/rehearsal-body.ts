// Parses the body of POST /api/simulate, and owns the messages about an invalid one.
import { z } from 'zod';
import type { RehearsalRequest } from '../../memory/snapshot.js';

const MOST_PRESSURE = 2;
const MOST_SECONDS = 3600;

const body = z.strictObject(
  {
    pressure: z
      .number('must be a number, such as 0.95')
      .positive('must be above 0: 1 is full')
      .max(MOST_PRESSURE, `must be at most ${MOST_PRESSURE}: 1 is full`),
    seconds: z
      .number(`must be a number from 1 to ${MOST_SECONDS}`)
      .min(1, 'must be at least 1')
      .max(MOST_SECONDS, `must be at most ${MOST_SECONDS}: a rehearsal ends by itself`),
  },
  'must be { "pressure": 0.95, "seconds": 60 }, and nothing else',
);

/** A text instead of a request: what is wrong with the body, and where. */
export function readRehearsalBody(value: unknown): RehearsalRequest | string {
  const parsed = body.safeParse(value);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path, message }) => [...path, message].join(' ')).join('; ');
}
