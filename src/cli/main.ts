#!/usr/bin/env node
// The command line: which subcommand runs, and with which exit code the process ends.
// Each subcommand stands in its own file and is loaded only when it runs, so that --help and check stay quick.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { VERSION } from '../app/version.js';
import { complain, ExitCode } from './exit.js';
import { MANUAL } from './main-help.js';
import { addConfigOptions, type ConfigOptions, toSources } from './options.js';

const program = new Command('spillway')
  .summary('keeps Redis and Valkey away from OOM')
  .usage('[options]\n       spillway check [options]\n       spillway demo [options]')
  .version(VERSION, '-V, --version', 'print the version and exit')
  .helpOption('-h, --help', 'print this help and exit')
  .helpCommand(false)
  .enablePositionalOptions()
  .allowExcessArguments()
  .showHelpAfterError('See spillway --help.')
  .exitOverride()
  .configureHelp({ helpWidth: 100 })
  .addHelpText('after', MANUAL);

addConfigOptions(program).action(async (options: ConfigOptions) => {
  const [stray] = program.args;
  if (stray !== undefined) program.error(`error: unknown command '${stray}'`);
  const { run } = await import('./run.js');
  process.exitCode = await run(toSources(options, process.env), VERSION);
  // A failed start may leave sockets or timers behind that would keep the process up.
  if (process.exitCode !== undefined) process.exit();
});

addConfigOptions(program.command('check'))
  .summary('validate the configuration and print what it amounts to')
  .allowExcessArguments(false)
  .description('Validates the configuration, flags and environment included, and prints what it amounts to.')
  .option('--json', 'print one JSON document')
  .action(async (own: ConfigOptions & { readonly json?: boolean }) => {
    const { check } = await import('./check.js');
    process.exitCode = check(
      toSources({ ...program.opts<ConfigOptions>(), ...own }, process.env),
      own.json ?? false,
    );
  });

program
  .command('demo')
  .allowExcessArguments(false)
  .summary('see it work on a private Redis, beside a Redis without it')
  .description(
    'Runs one workload through Spillway and straight at a second Redis, and shows both side by side.',
  )
  .option('--seconds <n>', 'end after N seconds with a summary', positiveNumber)
  .option('--json', 'print the summary as JSON')
  .action(async ({ seconds, json = false }: { readonly seconds?: number; readonly json?: boolean }) => {
    const { runDemo } = await import('../demo/main.js');
    process.exitCode = await runDemo({ ...(seconds !== undefined && { seconds }), json });
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed its message; help and version come this way too, with exit code 0.
    process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  } else {
    complain(error instanceof Error ? error.message : String(error));
    process.exit(ExitCode.FAILURE);
  }
}

function positiveNumber(text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}
