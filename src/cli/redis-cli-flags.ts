// The server by redis-cli's flags, for the commands that talk to Redis directly: -h -p -s -a --user --askpass --tls --cacert
// --cert --key --sni, and REDISCLI_AUTH. They become the URL that --upstream takes. The password never gets into that URL: it
// goes the way of SPILLWAY_UPSTREAM_PASSWORD, so no message and no printed command can show it.
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  CONFIG_VARIABLE,
  type Environment,
  nonEmpty,
  PASSWORD_FILE_VARIABLE,
  PASSWORD_VARIABLE,
  UPSTREAM_VARIABLE,
} from '../config/overrides.js';
import { complain } from './exit.js';
import { hidePasswords } from './hide-passwords.js';
import { askPassword } from './terminal/ask-password.js';

const REDIS_CLI_PASSWORD_VARIABLE = 'REDISCLI_AUTH';

/** Commander's names. `host` is true for a bare -h, which asks for help. */
interface RedisCliFlags {
  readonly config?: string;
  readonly upstream?: string;
  readonly host?: string | true;
  readonly port?: number;
  readonly socket?: string;
  readonly pass?: string;
  readonly askpass?: boolean;
  readonly authWarning?: boolean;
  readonly user?: string;
  readonly tls?: boolean;
}

/** The result of the flags. */
interface NamedServer {
  /** undefined: they name no server. */
  readonly upstream: string | undefined;
  /** The password for the environment; undefined: the environment stays unchanged. */
  readonly password: string | undefined;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 6379;

/** Declares the flags. Before the command runs they are turned into its option `upstream` and into the environment. */
export function addRedisCliFlags(command: Command): Command {
  return command
    .helpOption('--help', 'print this help and exit')
    .option(
      '-h, --host [host]',
      `the server's host, as in redis-cli (default: ${DEFAULT_HOST}); -h alone: this help`,
    )
    .option('-p, --port <port>', `its port (default: ${DEFAULT_PORT})`, portNumber)
    .addOption(
      new Option('-s, --socket <path>', 'its unix socket, in place of host and port').conflicts([
        'host',
        'port',
        'tls',
      ]),
    )
    .option('--user <name>', 'log in as this ACL user')
    .addOption(
      new Option(
        '-a, --pass <password>',
        `the password; others can see it, so better set ${REDIS_CLI_PASSWORD_VARIABLE}`,
      ),
    )
    .addOption(new Option('--askpass', 'ask for the password').conflicts('pass'))
    .addOption(new Option('--no-auth-warning', 'do not warn of -a').hideHelp())
    .option('--tls', 'connect by TLS')
    .option('--cacert <file>', "the CAs that may sign the server's certificate, PEM")
    .option('--cert <file>', 'the certificate to show to the server, PEM')
    .option('--key <file>', 'the private key of that certificate, PEM')
    .option('--sni <name>', "the name that the server's certificate must be for")
    .hook('preAction', async () => {
      const { host, cacert } = command.opts();
      if (host === true) command.help();
      if (cacert !== undefined) command.setOptionValue('upstreamCa', cacert);
      const { upstream, password } = await namedServer(command.opts(), process.env);
      if (upstream !== undefined) command.setOptionValue('upstream', upstream);
      if (password === undefined) return;
      process.env[PASSWORD_VARIABLE] = password;
      delete process.env[PASSWORD_FILE_VARIABLE];
    });
}

/** The flags whose content --upstream already has. */
export const INSTEAD_OF_URL = ['host', 'port', 'socket', 'user', 'tls'] as const;

/** Asks for the password with --askpass; warns about one on the command line. */
async function namedServer(flags: RedisCliFlags, env: Environment): Promise<NamedServer> {
  const upstream = urlOf(flags);
  const { pass, askpass, authWarning } = flags;
  if (pass !== undefined) {
    if (authWarning !== false) {
      complain(
        `warning: other users of this machine can see a password after -a (ps): use ${REDIS_CLI_PASSWORD_VARIABLE} or --askpass`,
      );
    }
    return { upstream, password: pass };
  }
  if (askpass) return { upstream, password: await askPassword() };
  return {
    upstream,
    password: mayUseRedisCliAuth(flags, upstream, env) ? env[REDIS_CLI_PASSWORD_VARIABLE] : undefined,
  };
}

/** The password is for a server named by the command line, or by nothing; a config file has the password of its own server. */
function mayUseRedisCliAuth(flags: RedisCliFlags, upstream: string | undefined, env: Environment): boolean {
  const set = (name: string): boolean => nonEmpty(env[name]) !== undefined;
  if (!set(REDIS_CLI_PASSWORD_VARIABLE) || set(PASSWORD_VARIABLE) || set(PASSWORD_FILE_VARIABLE))
    return false;
  if (flags.upstream !== undefined) return hidePasswords([flags.upstream]) === undefined;
  return (
    upstream !== undefined || (flags.config === undefined && !set(UPSTREAM_VARIABLE) && !set(CONFIG_VARIABLE))
  );
}

/** undefined: none of the flags names a server. */
function urlOf({ host, port, socket, user, tls }: RedisCliFlags): string | undefined {
  if ([host, port, socket, user, tls].every((flag) => flag === undefined)) return undefined;
  const at = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  if (socket !== undefined)
    return `unix://${at}${encodeURI(path.resolve(socket)).replace(/[?#]/g, encodeURIComponent)}`;
  const name = host === undefined || host === true ? DEFAULT_HOST : host;
  return `${tls ? 'rediss' : 'redis'}://${at}${name.includes(':') ? `[${name}]` : name}:${port ?? DEFAULT_PORT}`;
}

function portNumber(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}
