// What the commands make of an admin server's answers that the integration tests cannot bring about.
import { createServer } from 'node:http';
import t, { type Test } from 'tap';
import { AdminClient, AdminError } from '../../../src/cli/admin-client.js';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { adminAt } from '../../support/ask-admin.js';
import { serving } from '../../support/listen.js';

const LATE = JSON.stringify({ error: 'Request Timeout', message: 'Client Timeout', statusCode: 408 });

/** Answers the first requests with 408, as to one that came too late on its connection, and others with `{}`. */
async function lateFor(t: Test, requests: number): Promise<string> {
  let left = requests;
  const server = createServer((_request, response) =>
    left-- > 0 ? response.writeHead(408).end(LATE) : response.end('{}'),
  );
  return `http://127.0.0.1:${await serving(t, server)}`;
}

t.test('a request that came too late is sent again, once', async (t) => {
  const config = compileConfig(configSchema.parse({}), {});
  const client = async (requests: number) => AdminClient.at(await lateFor(t, requests), config);
  t.same(await (await client(1)).get('/api/memory'), {});
  t.same(await (await client(1)).post('/api/simulate', {}), {});
  await t.rejects((await client(2)).get('/api/memory'), AdminError);
});

t.test('a test asks until it is answered', async (t) => {
  t.same(await adminAt(await lateFor(t, 3))('/'), {});
});
