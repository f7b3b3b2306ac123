// The systemd unit against what the program does: its flags, its exit codes, its drain.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import t from 'tap';
import { ExitCode } from '../../src/cli/exit.js';
import { addConfigOptions } from '../../src/cli/options.js';
import { configSchema } from '../../src/config/schema.js';
import { parseDuration } from '../../src/config/units.js';

const unit = readFileSync(new URL('../../deploy/systemd/spillway.service', import.meta.url), 'utf8');

function directive(name: string): string {
  const values = unit.split('\n').filter((line) => line.startsWith(`${name}=`));
  if (values.length !== 1) throw new Error(`${name} stands ${values.length} times in the unit`);
  return (values[0] as string).slice(name.length + 1);
}

t.test('the flags of ExecStart exist', async (t) => {
  const [, ...args] = directive('ExecStart').split(' ');
  const command = addConfigOptions(new Command().exitOverride());
  command.parse(args, { from: 'user' });
  t.equal(command.opts<{ config?: string }>().config, '/etc/spillway/proxy.config.json');
});

t.test('systemd does not restart after an exit that would repeat', async (t) => {
  t.same(directive('RestartPreventExitStatus').split(' ').map(Number), [ExitCode.USAGE, ExitCode.CONFIG]);
});

t.test('the drain ends before systemd kills', async (t) => {
  const drain = parseDuration(configSchema.parse({}).limits.drainTimeout);
  t.ok(parseDuration(directive('TimeoutStopSec')) > drain);
});
