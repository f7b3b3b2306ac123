#!/usr/bin/env node
// The command line: runs a subcommand and sets the exit code. Each subcommand has its own file, which is loaded only when it
// runs, so that --help and check start fast.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import { VERSION } from '../runtime/version.js';
import { declareAnalyze } from './analyze-command.js';
import { EXPLAIN_MANUAL, REPORT_MANUAL, SIMULATE_MANUAL, STATS_MANUAL, TOP_MANUAL } from './ask-help.js';
import { declareDoctor } from './doctor-command.js';
import { secondsFlag } from './duration-flags.js';
import { complain, ExitCode, exitStatusHelp, PASSWORD_SEEN } from './exit.js';
import { declareFailover } from './failover-command.js';
import { hideOwnPasswords } from './hide-passwords.js';
import { declareInit } from './init-command.js';
import { MANUAL } from './main-help.js';
import {
  type AskOptions,
  addAskOptions,
  addConfigOptions,
  type ConfigOptions,
  toSources,
} from './options.js';
import type { ReportOptions } from './report.js';
import { SORTS } from './rows.js';
import type { SimulateOptions } from './simulate.js';
import { declareSweep } from './sweep-command.js';
import { databaseNumber } from './tool-options.js';
import type { TopOptions } from './top.js';
import { declareWatch } from './watch-command.js';

const HOUR_MS = 3_600_000;

/** Hides passwords first, because other users can see the command line. */
const passwordSeen = hideOwnPasswords();

const program = new Command('spillway')
  .summary('keeps Redis and Valkey away from OOM')
  .usage(
    [
      '[serve] [options]',
      'check [options]',
      'explain [options] <key> [command...]',
      'stats [options] [pattern]',
      'top [options]',
      'report [options]',
      'simulate [options] <pressure>|off',
      'failover [options]',
      'analyze [options]',
      'sweep [options]',
      'doctor [options]',
      'init [options]',
      'watch [options]',
      'demo [options]',
    ].join('\n       spillway '),
  )
  .version(VERSION, '-V, --version', 'print the version and exit')
  .helpOption('-h, --help', 'print this help and exit')
  .helpCommand('help [command]', 'print the help of a command')
  .enablePositionalOptions()
  .allowExcessArguments()
  .showHelpAfterError('See spillway --help.')
  .exitOverride()
  .configureHelp({ helpWidth: 100 })
  .addHelpText('after', MANUAL);

addConfigOptions(program).action(async (options: ConfigOptions) => {
  const [stray] = program.args;
  if (stray !== undefined) program.error(`error: unknown command '${stray}'${didYouMean(stray)}`);
  await serve(options);
});

addConfigOptions(program.command('serve'))
  .summary('run the proxy, as without a command')
  .allowExcessArguments(false)
  .action((own: ConfigOptions) => serve({ ...program.opts<ConfigOptions>(), ...own }));

program
  .command('version')
  .summary('print the version')
  .allowExcessArguments(false)
  .action(() => console.log(VERSION));

addConfigOptions(program.command('check'))
  .summary('validate the configuration and print the effective one')
  .allowExcessArguments(false)
  .description(
    'Validates the configuration, including flags and environment, and prints the effective configuration.',
  )
  .option('--json', 'print one JSON document')
  .option(
    '--connect',
    'also ask the Sentinels for the primary, and the server whether its eviction policy suits the rules',
  )
  .addHelpText('after', exitStatusHelp('check'))
  .action(async (own: ConfigOptions & { readonly json?: boolean; readonly connect?: boolean }) => {
    const { check } = await import('./check.js');
    const options = { ...program.opts<ConfigOptions>(), ...own };
    process.exitCode = check(toSources(options, process.env), own.json ?? false);
    if (own.connect !== true || process.exitCode !== ExitCode.OK) return;
    const { checkConnected } = await import('./check-connected.js');
    process.exitCode = await checkConnected(options, process.env);
  });

addAskOptions(program.command('explain'))
  .argument('<key>', 'the key, as the client sends it')
  .argument('[command...]', 'the command, with or without the key in it; default: SET')
  .summary('show what Spillway does with a command, and why')
  .option('--db <number>', 'the database in which the client sends it (default: 0)', databaseNumber)
  .option('--user <name>', 'the ACL user of the client (default: default)')
  .option('--json', 'print one JSON document')
  .addHelpText('after', EXPLAIN_MANUAL)
  .action(async (key: string, command: string[], own: AskOptions & { db?: number; user?: string }) => {
    const { explainCommand } = await import('./explain.js');
    process.exitCode = await explainCommand(
      { key, command, db: own.db, user: own.user },
      inherited(own),
      process.env,
    );
  });

addAskOptions(program.command('stats'))
  .argument('[pattern]', 'only rules and discovered patterns that match this glob')
  .allowExcessArguments(false)
  .summary('print the counters of a running proxy')
  .option('--json', 'print one JSON document')
  .addHelpText('after', STATS_MANUAL)
  .action(async (pattern: string | undefined, own: AskOptions) => {
    const { statsCommand } = await import('./stats.js');
    process.exitCode = await statsCommand(pattern, inherited(own), process.env);
  });

addAskOptions(program.command('top'))
  .allowExcessArguments(false)
  .summary('watch writes, bytes and sheds a second, by rule')
  .addOption(
    new Option('--sort <column>', 'sort by this column, the most first').choices(SORTS).default('writes'),
  )
  .addOption(
    new Option('--interval <duration>', 'time between two updates, such as 2s; a bare number is in seconds')
      .default(1, '1s')
      .argParser(secondsFlag(100, HOUR_MS)),
  )
  .addHelpText('after', TOP_MANUAL)
  .action(async (own: TopOptions) => {
    const { topCommand } = await import('./top.js');
    process.exitCode = await topCommand(inherited(own), process.env);
  });

addAskOptions(program.command('report'))
  .allowExcessArguments(false)
  .summary('print what the rules did in the last hour')
  .addOption(new Option('--window <duration>', 'how far back, from 5m to 24h').default('1h'))
  .option('--json', 'print one JSON document')
  .addHelpText('after', REPORT_MANUAL)
  .action(async (own: ReportOptions) => {
    const { reportCommand } = await import('./report.js');
    process.exitCode = await reportCommand(inherited(own), process.env);
  });

addAskOptions(program.command('simulate'))
  .argument('<pressure>', 'how full memory seems, such as 95%; "off" ends the rehearsal', simulatedPressure)
  .allowExcessArguments(false)
  .summary('rehearse full memory on a running proxy')
  .addOption(
    new Option(
      '--seconds <duration>',
      'length of the rehearsal, such as 5m, at most 1h; a bare number is in seconds',
    )
      .default(60, '60s')
      .argParser(secondsFlag(1000, HOUR_MS)),
  )
  .option('--json', 'print one JSON document')
  .addHelpText('after', SIMULATE_MANUAL)
  .action(async (pressure: number | 'off', own: SimulateOptions) => {
    const { simulateCommand } = await import('./simulate.js');
    const share = pressure === 'off' ? undefined : pressure;
    process.exitCode = await simulateCommand(share, inherited(own), process.env);
  });

declareFailover(program, inherited);
declareAnalyze(program, inherited);
declareSweep(program, inherited);
declareDoctor(program, inherited);
declareInit(program, inherited);
declareWatch(program, inherited);

program
  .command('demo')
  .allowExcessArguments(false)
  .summary('see Spillway work on a private Redis, beside a Redis without it')
  .description(
    'Runs one workload through Spillway and directly against a second Redis, and shows both side by side.',
  )
  .option(
    '--seconds <duration>',
    'end after this time with a summary, such as 30s; a bare number is in seconds',
    secondsFlag(1, 7 * 24 * HOUR_MS),
  )
  .option('--json', 'print the summary as JSON')
  .addHelpText('after', exitStatusHelp('demo'))
  .action(async ({ seconds, json = false }: { readonly seconds?: number; readonly json?: boolean }) => {
    const { runDemo } = await import('./demo/main.js');
    process.exitCode = await runDemo({ ...(seconds !== undefined && { seconds }), json });
  });

for (const command of program.commands) command.showHelpAfterError(`See spillway ${command.name()} --help.`);

// The reader of a pipe has gone, as in `spillway stats | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  const [, , word, topic] = process.argv;
  if (word === 'help' && topic !== undefined && !topic.startsWith('-') && !isCommand(topic))
    program.error(`error: unknown command '${topic}'${didYouMean(topic)}`);
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

async function serve(options: ConfigOptions): Promise<void> {
  if (passwordSeen) complain(PASSWORD_SEEN);
  const { run } = await import('./run.js');
  process.exitCode = await run(toSources(options, process.env), VERSION);
  // A failed start may leave sockets or timers behind that would keep the process up.
  if (process.exitCode !== undefined) process.exit();
}

function isCommand(name: string): boolean {
  return name === 'help' || program.commands.some((command) => command.name() === name);
}

/** For a command of a name that is one or two letters away. */
function didYouMean(name: string): string {
  const meant = closest(
    name,
    program.commands.map((command) => command.name()),
  );
  return distance(name, meant) <= 2 ? `; did you mean ${meant}?` : '';
}

/** A --config before the command counts too. */
function inherited<O extends object>(own: O): O {
  const { config } = program.opts<ConfigOptions>();
  return config === undefined ? own : { config, ...own };
}

function simulatedPressure(text: string): number | 'off' {
  if (text === 'off') return text;
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  const pressure = percent === undefined ? Number.NaN : Number(percent) / 100;
  if (pressure > 0 && pressure <= 2) return pressure;
  throw new InvalidArgumentError('It must be a share such as 95%, at most 200%, or off.');
}
