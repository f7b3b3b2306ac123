// redis-cli through the proxy, in its modes, beside redis-cli on a direct connection.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { withFolder } from '../../support/folder.js';
import { need } from './apt.js';
import { playCases } from './cases.js';
import { Program } from './program.js';
import { cliInteractive } from './redis-cli-interactive.js';
import { type CliTools, cliModes } from './redis-cli-modes.js';
import { withSides } from './sides.js';

const binary = await need(['redis-cli', 'valkey-cli'], 'redis-tools');
const script = await need(['script'], 'bsdutils');
const folder = withFolder(t, 'spillway-cli-');
const version = await new Program(binary, ['--version'], () => {}).end();

await playCases<CliTools>(t, {
  ...{ name: 'redis-cli', client: 'redis-cli', protocol: 'RESP2 and RESP3' },
  version: version.stdout.trim().split(' ').at(-1) ?? '',
  // Snapshots at once: by default Redis waits five seconds for more replicas.
  sides: await withSides(t, ['--repl-diskless-sync-delay', '0']),
  cases: [...cliModes, ...cliInteractive],
  tools(side, later) {
    const address = ['-h', '127.0.0.1', '-p', String(side.port)];
    const start: CliTools['start'] = (...args) => new Program(binary, [...address, ...args], later);
    return {
      side,
      start,
      run: (args, input) => start(...args).end(input),
      terminal(...args) {
        const line = [binary, ...address, ...args].map((word) => `'${word}'`).join(' ');
        return new Program(script, ['-qec', line, '/dev/null'], later);
      },
      async file(name, content) {
        const file = path.join(folder, `${side.port}-${name}`);
        if (content !== undefined) await writeFile(file, content);
        return file;
      },
    };
  },
});
