// A copy of the project as JavaScript, in which one file at a time is changed and tests run. Owns its folder and the processes
// that it starts.
// Invariants: the source is never touched; no process outlives its test, not even when this one is killed: the kernel ends
// each after its CPU time.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { transformSync } from 'esbuild';

const COPIED = ['src', 'test', 'dist', 'docs', 'package.json', 'tsconfig.json', 'proxy.config.json'];
/** Time for a process that waits: for something that a change has kept from coming. */
const WALL_PER_CPU = 4;

export interface Script {
  /** As it runs when nothing is changed. */
  readonly text: string;
  /** The line of the TypeScript, 1 and up. */
  lineOf(offset: number): number;
}

export class Sandbox {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-mutate-'));
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
        this.write(file, this.compile(file).code);
      }
    }
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
   * Whether the tests pass, in one process; undefined: they were not done in time.
   * @param seconds of CPU time that they may take
   * @param coverage a folder for what V8 counts
   */
  passes(tests: readonly string[], seconds: number, coverage?: string): Promise<boolean | undefined> {
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', TAP_BAIL: '1', TAP_TIMEOUT: '0' };
    if (coverage !== undefined) env.NODE_V8_COVERAGE = coverage;
    const limited = ['-c', 'ulimit -t "$0"; exec "$@"', String(Math.ceil(seconds))];
    const all = tests.map((test) => `await import('./${test.replace(/\.ts$/, '.js')}');`).join('');
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
      const timer = setTimeout(
        () => {
          late = true;
          kill();
        },
        1000 * WALL_PER_CPU * seconds,
      );
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        kill();
        process.off('exit', kill);
        const tooLong = late || signal === 'SIGXCPU' || signal === 'SIGKILL';
        resolve(tooLong ? undefined : code === 0);
      });
    });
  }

  /** Of all that it holds. */
  get fingerprint(): string {
    const hash = createHash('sha1');
    for (const folder of ['src', 'test'])
      for (const name of readdirSync(path.join(this.folder, folder), {
        recursive: true,
        encoding: 'utf8',
      }).sort())
        if (name.endsWith('.js')) hash.update(readFileSync(path.join(this.folder, folder, name)));
    return hash.digest('hex');
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
