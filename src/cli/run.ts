// `spillway`: loads the configuration, starts the proxy, reloads it on SIGHUP, and ends it gracefully on other signals.
// Owns the process: signals, exit, the root logger. Knows nothing about what the proxy does.
// Invariant: signal handlers are set before anything starts, because as PID 1 a process without them ignores SIGTERM.
import closeWithGrace from 'close-with-grace';
import { formatListenAddress } from '../config/address.js';
import { describeConfig } from '../config/describe.js';
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError } from '../config/error.js';
import { type ConfigSources, type LoadedConfig, loadConfig, reloadConfig } from '../config/load.js';
import { LogOutput, logTo, STUCK_AFTER_MS } from '../runtime/log/log-output.js';
import { type StartedProxy, startProxy } from '../runtime/proxy.js';
import { complain, ExitCode } from './exit.js';

/** How long after the drain timeout the process may still run, to close its sockets. */
const DRAIN_MARGIN_MS = 2000;
const STDOUT = 1;

/** @returns the exit code of a failed start; undefined: the proxy runs, and the signal handlers end the process */
export async function run(sources: ConfigSources, version: string): Promise<ExitCode | undefined> {
  const loaded = load(sources);
  if (loaded === undefined) return ExitCode.CONFIG;
  const { config, file, text, warnings } = loaded;
  const output = new LogOutput(STDOUT);
  const log = logTo(output, config.log);
  for (const warning of warnings) log.warn(warning);
  log.debug({ config: describeConfig(config) }, 'effective config');

  let proxy: StartedProxy | undefined;
  let early = false;
  process.on('SIGHUP', () => {
    if (proxy === undefined) early = true;
    else void proxy.reload('SIGHUP');
  });
  const { drainTimeoutMs } = config.limits;
  closeWithGrace(
    {
      delay: drainTimeoutMs + DRAIN_MARGIN_MS + STUCK_AFTER_MS,
      skip: ['SIGHUP'],
      logger: false,
      onSecondSignal: (signal) => log.warn({ signal }, 'second signal: ending at once'),
      onSecondError: (error) => log.fatal({ err: error }, 'crashed while closing'),
      onTimeout: () => log.error('closing took too long: ending at once'),
    },
    async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, 'crashed');
      else log.info({ signal, drainTimeoutMs }, 'closing: clients may finish their commands');
      await proxy?.stop(err === undefined ? drainTimeoutMs : 0);
      log.info('closed');
      await output.flush(STUCK_AFTER_MS);
    },
  );

  try {
    const source = { file, text, load: () => reloadConfig(sources) };
    proxy = await startProxy(config, log, { source, logOutput: output });
  } catch (error) {
    complain(explain(error, config));
    await output.flush(STUCK_AFTER_MS);
    return ExitCode.FAILURE;
  }
  const listen = formatListenAddress(proxy.address);
  const admin = proxy.adminAddress === undefined ? 'off' : formatListenAddress(proxy.adminAddress);
  const { sentinelAddress: sentinel } = proxy;
  log.info(
    {
      version,
      listen,
      ...(!proxy.open && { dataPort: 'closed until the server accepts connections' }),
      admin,
      ...(sentinel && { sentinel: formatListenAddress(sentinel) }),
      config: file,
      rules: config.rules.length,
      mode: config.mode,
    },
    'listening',
  );
  // A SIGHUP came during the start.
  if (early) void proxy.reload('SIGHUP');
  return undefined;
}

function load(sources: ConfigSources): LoadedConfig | undefined {
  try {
    return loadConfig(sources);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return undefined;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop the process that uses it, or choose another port',
  EACCES: 'permission denied; a port below 1024 needs a privilege, choose a higher one',
  EADDRNOTAVAIL: 'this machine has no such address; choose one that it has',
  ENOTFOUND: 'this host name has no address; check its spelling',
};

/** For unix sockets. */
const UNIX_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another process listens there, or the file is not a socket; stop that process, or remove the file',
  // Node reports both cases with this code.
  EACCES:
    'the folder does not exist, or the user that Spillway runs as may not write to it; create it, or change its mode',
};

/** One line that says what failed, why, and which flag changes it. */
function explain(error: unknown, config: EffectiveConfig): string {
  if (!(error instanceof Error)) return `could not start: ${String(error)}`;
  const { code, syscall, port } = error as NodeJS.ErrnoException & { port?: number };
  const reason = REASONS[code ?? ''];
  if (config.listen.path !== undefined && syscall === 'listen' && port === -1) {
    const where = formatListenAddress(config.listen);
    const why = UNIX_REASONS[code ?? ''] ?? error.message;
    return `cannot listen on ${where}: ${why}; or choose another path with --listen`;
  }
  if (reason === undefined) return `could not start: ${error.message}`;
  const admin = config.admin.listen;
  const ofAdmin = admin !== false && port === admin.port && port !== config.listen.port;
  const sentinel = config.sentinelEndpoint.listen;
  if (sentinel !== false && port === sentinel.port && ![config.listen.port, ofAdmin && port].includes(port))
    return `cannot listen on ${formatListenAddress(sentinel)}: ${reason} (sentinelListen)`;
  const address = ofAdmin ? admin : config.listen;
  return `cannot listen on ${formatListenAddress(address)}: ${reason} (${ofAdmin ? '--admin' : '--listen'})`;
}
