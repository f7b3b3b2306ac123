// What of a command line is made unreadable: the password of a URL, wherever it stands, and nothing else.
import t from 'tap';
import { hidePasswords } from '../../../src/cli/hide-passwords.js';

t.test('the password in each URL becomes ***, and nothing else changes', async (t) => {
  t.same(hidePasswords(['-u', 'redis://user:p%40ss@host:1/2', 'x']), [
    '-u',
    'redis://user:***@host:1/2',
    'x',
  ]);
  t.same(hidePasswords(['--upstream=rediss://:p@a']), ['--upstream=rediss://:***@a']);
  t.same(hidePasswords(['unix://u:p:q@/tmp/s']), ['unix://u:***@/tmp/s']);
  t.same(hidePasswords(['redis://a:p@b', 'redis://c:q@d']), ['redis://a:***@b', 'redis://c:***@d']);
});

t.test("redis-cli's flag, of the commands that talk to Redis", async (t) => {
  t.same(hidePasswords(['spillway', 'doctor', '-a', 'secret', '-p', '1']), [
    'spillway',
    'doctor',
    '-a',
    '***',
    '-p',
    '1',
  ]);
  t.same(hidePasswords(['sweep', '--pass', 'secret']), ['sweep', '--pass', '***']);
  t.same(hidePasswords(['watch', '--pass=secret', '-asecret']), ['watch', '--pass=***', '-a***']);
  t.equal(hidePasswords(['spillway', 'stats', '-a', 'http://10.0.0.7:9380']), undefined, 'an admin address');
});

t.test('a command line without a password is left alone', async (t) => {
  t.equal(
    hidePasswords(['-u', 'redis://user@host:1', '--listen', ':6380', 'a:b@c', 'redis://host:6379/0']),
    undefined,
  );
});
