// The runner of tests: what it counts, what it takes for a failure, and that nothing outlives a test.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type FileStart, runFile } from '../../scripts/testing/run-file.js';
import { until } from '../support/wait.js';

/** Runs a program as a test file. Its folder is inside this project, so that it finds tap. */
function run(t: Test, program: string, more: Partial<FileStart> = {}) {
  const root = t.testdir();
  const script = path.join(root, 'one.test.mjs');
  writeFileSync(script, program);
  return runFile({ root, script, label: 'test/one.test.ts (a cut)', env: {}, ...more });
}

const LEAVES = `
  import { spawn } from 'node:child_process';
  import t from 'tap';
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  child.unref();
  t.ok(child.pid);`;

t.test('assertions are counted, those of subtests too, and each failure is named', async (t) => {
  const outcome = await run(
    t,
    `import t from 'tap';
    t.test('outer', async (t) => {
      t.ok(true, 'fine');
      t.test('inner', async (t) => t.equal(1, 2, 'one is two'));
    });
    console.error('said on standard error');`,
  );
  t.match(outcome, { label: 'test/one.test.ts (a cut)', passed: 1, said: /said on standard error/ });
  t.equal(outcome.failures.length, 1);
  t.match(outcome.failures[0], { name: /outer.*inner.*one is two/, diag: { compare: '===' } });
  t.match(outcome.output, /test-one\.test\.ts-a-cut-\.tap$/);
});

t.test('a file that runs twice at the same time has two folders', async (t) => {
  const root = t.testdir();
  const program = `
    import { existsSync, writeFileSync } from 'node:fs';
    import path from 'node:path';
    import t from 'tap';
    const own = path.join(t.testdir(), process.env.ME);
    writeFileSync(own, '');
    const root = import.meta.dirname;
    writeFileSync(path.join(root, process.env.ME), '');
    while (!existsSync(path.join(root, process.env.OTHER))) await new Promise((next) => setTimeout(next, 5));
    t.ok(existsSync(own));`;
  const script = path.join(root, 'one.test.mjs');
  writeFileSync(script, program);
  const start = (ME: string, OTHER: string) =>
    runFile({ root, script, label: `test/one.test.ts (${ME})`, env: { ME, OTHER } });
  for (const { failures } of await Promise.all([start('a', 'b'), start('b', 'a')]))
    t.strictSame(failures, []);
});

t.test('a file that passes has no failures', async (t) => {
  t.match(await run(t, `import t from 'tap'; t.equal(process.env.X, 'y');`, { env: { X: 'y' } }), {
    passed: 1,
    failures: [],
  });
});

t.test('a file that says nothing has failed, whatever its exit code', async (t) => {
  t.match(await run(t, ''), { passed: 0, failures: [{ name: 'exit code 0 after 0 assertions' }] });
  t.match(await run(t, 'import "./gone.js"'), {
    failures: [{ name: 'exit code 1 after 0 assertions' }],
    said: /Cannot find module/,
  });
  const killed = `import t from 'tap'; t.ok(true); process.kill(process.pid, 'SIGKILL');`;
  t.match(await run(t, killed), { failures: [{ name: /^(ended by SIGKILL after|.*(plan|test))/ }] });
});

t.test('a file that cannot run here has not failed, and says why', async (t) => {
  const program = `import t from 'tap'; t.test('links', { skip: 'no namespaces here' }, () => {});`;
  t.match(await run(t, program), { passed: 0, failures: [], skipped: ['links: no namespaces here'] });
});

if (process.platform === 'linux') {
  t.test('a process that a test leaves behind is named, and ended', async (t) => {
    const { passed, failures } = await run(t, LEAVES, { leaveMs: 200 });
    t.equal(passed, 1);
    t.match(failures, [{ name: /^left behind: .*setInterval.* \(pid \d+\)$/ }]);
    const pid = /pid (\d+)/.exec(failures[0]?.name ?? '')?.[1];
    // Where process 1 does not reap, a dead one stays, with nothing in it.
    await until(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '');
  });
}

t.test('a run that is given up ends the test', async (t) => {
  const stopped = new AbortController();
  const outcome = run(
    t,
    `import t from 'tap'; t.test('hangs', () => new Promise((r) => setTimeout(r, 1e6)));`,
    {
      signal: stopped.signal,
    },
  );
  stopped.abort();
  t.ok((await outcome).failures.length > 0);
});
