// /api/failover: a planned switch of the primary to a replica, its dry run, and how it goes. Owns the body and the errors.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { PlannedFailover } from './types.js';

const MESSAGE = 'The body must be {}, { "dryRun": true } or { "pauseServer": true }, and nothing else.';

const body = z.strictObject(
  { dryRun: z.boolean(MESSAGE).default(false), pauseServer: z.boolean(MESSAGE).default(false) },
  MESSAGE,
);

export function addFailover(app: FastifyInstance, planned: PlannedFailover | undefined): void {
  app.get('/api/failover', async () => ({ switch: planned?.snapshot ?? null }));
  app.post('/api/failover', async (request, reply) => {
    const asked = body.safeParse(request.body);
    if (!asked.success) return reply.code(422).send({ error: 'body_invalid', message: MESSAGE });
    const refuse = (message: string) => reply.code(409).send({ error: 'failover_refused', message });
    if (planned === undefined)
      return refuse('upstream.url names no Sentinels, and only a primary behind Sentinels can be switched.');
    const { dryRun, pauseServer } = asked.data;
    const answer = dryRun ? await planned.plan() : await planned.begin({ pauseServer });
    if ('refused' in answer) return refuse(`Nothing was changed: ${answer.refused}.`);
    return dryRun ? { plan: answer } : reply.code(202).send({ switch: answer });
  });
}
