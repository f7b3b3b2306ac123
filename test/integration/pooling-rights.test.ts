// Rights with command pooling, against a real server: a client may do what a connection of its own might, made when the
// client came and logged in when it did. One server for all, reset between the tests; each test in both pooling modes
// where that means something.
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, lookAt } from '../support/twins.js';

const redis = await withRedis(t);
const look = await lookAt(t, redis);
const upstream = { sharedConnections: 2 };
const pooled = await withProxy(t, { redis, config: { upstream: { pool: 'command', ...upstream } } });
const own = await withProxy(t, { redis, config: { upstream: { pool: 'session', ...upstream } } });
const POOLS = [
  ['command', pooled],
  ['session', own],
] as const;

const ask = async (client: RawClient, line: string): Promise<string> => {
  void client.write(commands(line));
  return String(Buffer.concat(await client.readReplies(1)));
};
const told = (line: string): Promise<string> => ask(look, line);

/** The server as it began: one user, who needs no password. */
async function anew(): Promise<void> {
  await told('ACL SETUSER default on nopass ~* &* +@all');
  for (const user of ['alice', 'bob', 'nobody']) await told(`ACL DELUSER ${user}`);
  await told('FLUSHALL');
  await told('ACL LOG RESET');
}

t.afterEach(anew);

t.test('what Spillway asks for itself is nothing that a user may be forbidden', async (t) => {
  for (const [pool, proxy] of POOLS) {
    await t.test(pool, async (t) => {
      await told('ACL SETUSER alice on >a ~* +get +set +select +multi +exec +subscribe');
      await told('ACL SETUSER default resetkeys ~k -@all +get +set +acl +info +client +config +command');
      await told('ACL LOG RESET');
      const greetings = ['GET k', 'AUTH alice a', 'HELLO 2 AUTH alice a SETNAME me', 'HELLO 3 AUTH alice a'];
      for (const greeting of greetings) {
        const client = await withRaw(t, proxy.port);
        void client.write(commands(greeting, 'GET k', 'SET k v'));
        await client.readReplies(3);
        if (greeting.includes('alice')) {
          void client.write(commands('SELECT 2', 'GET k', 'MULTI', 'GET k', 'EXEC', 'GET k'));
          await client.readReplies(6);
        }
      }
      t.equal(await told('ACL LOG'), '*0\r\n', 'no command was denied');
    });
  }
});
