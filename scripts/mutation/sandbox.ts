// A copy of the project as JavaScript, in which one file at a time is changed and tests run. Owns its folder and the processes
// that it starts.
// Invariants: the source is never touched; no process outlives its test, not even when this one is killed: the kernel ends
// each after its CPU time.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { SourceMap } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { transformSync } from 'esbuild';

const COPIED = ['src', 'test', 'docs', 'package.json', 'tsconfig.json', 'proxy.config.json'];
/** Time for a process that waits for something that a change has kept from coming, or for its share of a busy machine. */
const wallMs = (cpuSeconds: number): number => 60_000 + 15_000 * cpuSeconds;

/**
 * A property that has failed once need not find its smallest failure. A test's own time says nothing on a busy machine: its CPU
 * time is limited.
 */
const PRELUDE =
  "const { configureGlobal } = await import('fast-check'); configureGlobal({ endOnFailure: true });" +
  'const { Base } = await import("tap"); Base.prototype.setTimeout = () => {};';

export interface Script {
  /** As it runs when nothing is changed. */
  readonly text: string;
  /** The line of the TypeScript, 1 and up. */
  lineOf(offset: number): number;
}

export class Sandbox {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-mutate-'));
  /** Of each file of src, what tells it from another. */
  readonly sources = new Map<string, string>();
  private readonly end = (): void => rmSync(this.folder, { recursive: true, force: true });

  constructor(root: string) {
    process.once('exit', this.end);
    for (const name of COPIED)
      cpSync(path.join(root, name), path.join(this.folder, name), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(this.folder, 'node_modules'));
    for (const folder of ['src', 'test']) {
      for (const name of readdirSync(path.join(this.folder, folder), { recursive: true, encoding: 'utf8' })) {
        if (!name.endsWith('.ts')) continue;
        const file = path.join(folder, name);
        const { code } = this.compile(file);
        this.write(file, code);
        if (folder === 'src') this.sources.set(file, createHash('sha1').update(code).digest('hex'));
      }
    }
    // Proxies that tests start as processes run what is changed, too; what is built is never older than its source.
    symlinkSync('src', path.join(this.folder, 'dist'));
    const never = new Date(Date.now() + 1e9);
    utimesSync(path.join(this.folder, 'src/cli/main.js'), never, never);
  }

  /** @param file its TypeScript, from the root */
  script(file: string): Script {
    const { code, map } = this.compile(file);
    const sources = new SourceMap(JSON.parse(map));
    return {
      text: code,
      lineOf(offset) {
        const before = code.slice(0, offset).split('\n');
        const entry = sources.findEntry(before.length - 1, (before.at(-1) ?? '').length);
        return 'originalLine' in entry ? entry.originalLine + 1 : 0;
      },
    };
  }

  /** What runs for `file` from now on. */
  write(file: string, text: string): void {
    writeFileSync(path.join(this.folder, file.replace(/\.ts$/, '.js')), text);
  }

  /**
   * Whether the test files pass, in one process; undefined: they were not done in time.
   * @param seconds of CPU time that they may take
   */
  passes(tests: readonly string[], seconds: number, more: NodeJS.ProcessEnv): Promise<boolean | undefined> {
    const env = { ...process.env, NODE_OPTIONS: '', TAP_BAIL: '1', TAP_TIMEOUT: '0', ...more };
    const limited = ['-c', 'ulimit -t "$0"; exec "$@"', String(Math.ceil(seconds))];
    const all = [PRELUDE, ...tests.map((test) => `await import('./${test.replace(/\.ts$/, '.js')}');`)].join(
      '',
    );
    const node = ['--max-old-space-size=1024', '--input-type=module', '--eval', all];
    const command = [process.execPath, ...node];
    const child = spawn('/bin/sh', [...limited, ...command], {
      ...{ cwd: this.folder, env, stdio: 'ignore', detached: true },
    });
    // With all that it has started.
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing is left of it.
      }
    };
    process.once('exit', kill);
    return new Promise((resolve) => {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        kill();
      }, wallMs(seconds));
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        kill();
        process.off('exit', kill);
        const tooLong = late || signal === 'SIGXCPU' || signal === 'SIGKILL';
        resolve(tooLong ? undefined : code === 0);
      });
    });
  }

  close(): void {
    process.off('exit', this.end);
    this.end();
  }

  private compile(file: string): { code: string; map: string } {
    const source = readFileSync(path.join(this.folder, file), 'utf8');
    return transformSync(source, {
      ...{ loader: 'ts', format: 'esm', target: 'es2022', sourcemap: 'external', sourcefile: file },
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
  }
}
