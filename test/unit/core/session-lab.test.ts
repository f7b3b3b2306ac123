// The laboratory's own parts, since every session test stands on them.
import t from 'tap';
import { cmd, direct, OK, type ServerOptions } from '../../support/session-lab.js';

t.test('the scripted server', async (t) => {
  const talk = (client: string, server: ServerOptions = {}) => direct({ client, server });
  t.equal(talk(cmd('SET', 'a', 1) + cmd('GET', 'a')), '+OK\r\n$1\r\n1\r\n');
  t.equal(talk('PING\r\nECHO hi\r\n'), '+PONG\r\n$2\r\nhi\r\n');
  t.equal(talk(cmd('MULTI') + cmd('INCR', 'a') + cmd('EXEC')), '+OK\r\n+QUEUED\r\n*1\r\n:1\r\n');
  t.match(talk(cmd('MULTI') + cmd('INCR') + cmd('EXEC')), /EXECABORT/);
  t.equal(talk(cmd('CLIENT', 'REPLY', 'SKIP') + cmd('PING') + cmd('ECHO', 'x')), '$1\r\nx\r\n');
  t.equal(talk(cmd('CLIENT', 'REPLY', 'OFF') + cmd('PING') + cmd('CLIENT', 'REPLY', 'ON')), OK);
  t.match(talk(cmd('GET', 'a'), { password: true }), /NOAUTH/);
  t.match(talk('*1\r\nPING\r\n'), /Protocol error/);
  t.match(talk(cmd('SUBSCRIBE', 'a', 'b') + cmd('UNSUBSCRIBE')), /:2\r\n.*:1\r\n.*:0\r\n$/s);
});
