// Which command gives a TTL behind a write, by what the server says of itself.
import t from 'tap';
import type { CommandFacts } from '../../../src/core/commands/table.js';
import { NO_KEYS } from '../../../src/core/commands/treatment.js';
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../../../src/core/resp/encode.js';
import { followUpFormOf, hasPointsInTime, LIKELY_FORM } from '../../../src/runtime/follow-up-form.js';

const commands = (...names: string[]): CommandFacts[] =>
  names.map((name) => ({ name, arity: -2, flags: new Set<string>(), keys: NO_KEYS }));
const ALL = commands('get', 'pexpire', 'eval');

t.test('the command for the TTL by server version', async (t) => {
  for (const version of ['3.2.12', '4.0.14', '5.0.14', '6.0.16', '6.2.14'])
    t.same(
      followUpFormOf({ version, commands: ALL }),
      { followUps: true, followUp: EXPIRE_BY_SCRIPT },
      version,
    );
  for (const version of ['7.0.0', '7.2.4', '8.6.1', '10.0.0', '255.255.255', '', 'unknown'])
    t.same(followUpFormOf({ version, commands: ALL }), { followUps: true, followUp: EXPIRE_NX }, version);
});

t.test('a server without the command (rename-command, a managed service)', async (t) => {
  t.match(followUpFormOf({ version: '6.2.14', commands: commands('get', 'pexpire') }), { followUps: false });
  t.match(followUpFormOf({ version: '7.2.4', commands: commands('get', 'eval') }), { followUps: false });
  t.match(followUpFormOf({ version: '7.2.4', commands: commands('get', 'pexpire') }), { followUps: true });
});

t.test('a server that tells no commands is taken to have them', async (t) => {
  t.same(followUpFormOf({ version: '6.0.16', commands: [] }), {
    followUps: true,
    followUp: EXPIRE_BY_SCRIPT,
  });
  t.same(followUpFormOf({ version: '', commands: [] }), LIKELY_FORM);
});

t.test('GETEX, EXAT and PXAT came with Redis 6.2', async (t) => {
  for (const version of ['3.2.12', '5.0.14', '6.0.16'])
    t.notOk(hasPointsInTime({ version, commands: ALL }), version);
  for (const version of ['6.2.0', '7.0.15', '8.6.1', '10.0.0', '255.255.255', '', 'unknown'])
    t.ok(hasPointsInTime({ version, commands: [] }), version);
});
