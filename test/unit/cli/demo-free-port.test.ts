// Free ports: who asks at the same time gets another one, though nobody listens on any of them yet.
import t from 'tap';
import { findFreePort } from '../../../src/cli/local-server/free-port.js';

t.test('ports that are handed out before anybody listens differ', async (t) => {
  const ports: number[] = [];
  // One behind the other: looks that are under way together see each other. More than one part of the range.
  while (ports.length < 600) ports.push(await findFreePort());
  t.equal(new Set(ports).size, ports.length);
  t.ok(ports.every((port) => port >= 18_000 && port < 32_000));
});
