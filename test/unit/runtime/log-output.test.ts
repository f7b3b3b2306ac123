// The log's destination: what a reader that stops, fails or never reads costs, and what it does not.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  write as writeAsync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { LogOutput } from '../../../src/runtime/log/log-output.js';
import { until } from '../../support/wait.js';

const write = promisify(writeAsync);
const LINE = `${'x'.repeat(99)}\n`;

/** A pipe that holds all that it can, and its reading end. */
function fullPipe(t: Test): number {
  const file = path.join(t.testdir({}), 'pipe');
  execFileSync('mkfifo', [file]);
  const pipe = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(pipe));
  fill(pipe);
  return pipe;
}

function fill(pipe: number): void {
  const page = Buffer.alloc(4096, '.');
  try {
    for (;;) writeSync(pipe, page);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

function drain(pipe: number): string {
  const page = Buffer.alloc(65536);
  let text = '';
  try {
    for (;;) text += page.toString('latin1', 0, readSync(pipe, page));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return text;
}

t.test('a reader that stops costs what does not fit, counted, and nothing else', async (t) => {
  const pipe = fullPipe(t);
  const output = new LogOutput(pipe, 10 * LINE.length);
  const told: (number | string)[] = [];
  output.onRecovered = (lost, why) => told.push(lost, why);
  const lines = Array.from({ length: 30 }, (_, i) => `${String(i).padStart(2)} ${LINE}`);
  for (const line of lines) output.write(line);
  const { lost } = output;
  t.ok(lost >= 20 && lost < 30, `${lost} of 30 lines lost`);
  // The write has been tried, as one that was begun behind it has: nobody read before that.
  for (let i = 0; i < 3; i++) await write(pipe, 'x').catch(() => {});
  let text = '';
  await until(() => {
    text += drain(pipe).replaceAll('.', '');
    return told.length > 0;
  });
  text += drain(pipe);
  t.same(told, [lost, 'the reader of the log did not read it']);
  t.equal(text, lines.slice(0, 30 - lost).join(''), 'what was kept arrives whole and in order');
  output.write(LINE);
  await output.flush(5000);
  t.equal(drain(pipe), LINE);
  t.equal(output.lost, lost);
});

t.test('many lines at once arrive whole and in order, those that are longer than a pipe too', async (t) => {
  const pipe = fullPipe(t);
  const output = new LogOutput(pipe);
  const lines = Array.from({ length: 500 }, (_, i) => `${i} ${'y'.repeat((i * 37) % 700)}\n`);
  lines.push(`${'z'.repeat(200_000)}\n`, LINE);
  for (const line of lines) output.write(line);
  let text = '';
  await until(() => {
    text += drain(pipe);
    return text.endsWith(LINE);
  });
  t.ok(text.replaceAll('.', '') === lines.join(''));
  t.equal(output.lost, 0);
});

t.test('nobody waits for a destination that fails; it is tried again and gets what was kept', async (t) => {
  const file = path.join(t.testdir({}), 'pipe');
  execFileSync('mkfifo', [file]);
  const pipe = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  const output = new LogOutput(pipe, 5 * LINE.length);
  const told: (number | string)[] = [];
  output.onRecovered = (lost, why) => told.push(lost, why);
  // From here on nobody has the pipe open for reading.
  closeSync(pipe);
  const lines = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(2)} ${LINE}`);
  for (const line of lines) output.write(line);
  const { lost } = output;
  t.ok(lost >= 14 && lost < 20, `${lost} of 20 lines lost`);
  await output.flush(60_000);
  t.same(told, []);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  let text = '';
  await until(() => {
    text += drain(reader);
    return told.length > 0;
  });
  text += drain(reader);
  t.same(told, [lost, 'the log could not be written (EPIPE)']);
  t.equal(text, lines.slice(0, 20 - lost).join(''));
});

const MODULE = new URL('../../../src/runtime/log/log-output.ts', import.meta.url).href;

function script(text: string): string[] {
  const imports = `import { LogOutput } from '${MODULE}'; const out = new LogOutput(1);`;
  return ['--import', 'tsx', '--input-type=module', '--eval', imports + text];
}

t.test('the last lines arrive when the process ends at once', async (t) => {
  const file = path.join(t.testdir({}), 'log');
  const log = openSync(file, 'a');
  const child = spawn(
    process.execPath,
    script("for (let i = 0; i < 100; i++) out.write(i + '\\n'); process.exit(3)"),
    {
      stdio: ['ignore', log, 'inherit'],
    },
  );
  closeSync(log);
  const [code] = await once(child, 'exit');
  t.equal(code, 3);
  const numbers = readFileSync(file, 'utf8').trim().split('\n').map(Number);
  t.same(
    numbers.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

for (const [what, end] of Object.entries({ full: 'process.exit(3)', 'full, without a word': '' })) {
  t.test(`the process can end while its log is ${what}`, async (t) => {
    const pipe = fullPipe(t);
    const child = spawn(process.execPath, script(`out.write('a\\n'); setTimeout(() => { ${end} }, 200)`), {
      stdio: ['ignore', pipe, 'inherit'],
    });
    const [code] = await once(child, 'exit');
    t.equal(code, end === '' ? 0 : 3);
  });
}

// A file system that hangs cannot be had here, nor a pipe of another user. A socket on which writes wait does the same.
const STUCK = `import { LogOutput } from '${MODULE}'; const out = new LogOutput(3); out.write('x'.repeat(900_000));`;
const ENDS = {
  'at last': 'let ticks = 0; setInterval(() => { if (++ticks === 40) process.exit(3); }, 50)',
  'at once': 'process.exit(3)',
  'behind a line more': "out.write('more'); process.exit(3)",
  'when it was to be flushed': 'void out.exit(3)',
};
for (const [when, end] of Object.entries(ENDS)) {
  t.test(`a write that never ends does not keep the process that ends ${when}`, async (t) => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', STUCK + end], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const [, signal] = await once(child, 'exit');
    t.equal(signal, 'SIGKILL', 'the only way out, since exit() waits for the thread that writes');
  });
}

t.test('a process that flushes ends by its code, and says all before', async (t) => {
  const child = spawn(
    process.execPath,
    script("for (let i = 0; i < 5000; i++) out.write(i + '\\n'); void out.exit(3)"),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  t.equal(code, 3);
  t.equal(said, Array.from({ length: 5000 }, (_, i) => `${i}\n`).join(''));
});
