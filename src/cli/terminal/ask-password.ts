// Asks for a password at the terminal without showing it. Without a terminal it is the first line of standard input.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Ctrl-C ends the process as usual. */
export async function askPassword(): Promise<string> {
  const { stdin, stderr } = process;
  // readline echoes what is typed to its output, so its output is discarded.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  if (stdin.isTTY) stderr.write('Password: ');
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write('\n');
  }
}
