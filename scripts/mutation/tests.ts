// Which tests may notice a change of a source file: unit and property tests of its part that import it by any number of
// steps, and then those of `npm test` that play whole connections. Reads the imports of src and test once; runs nothing.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { plan, testFiles } from '../testing/plan.js';

/** A test file and the environment it runs in. */
export interface Judge {
  /** Unlike that of every other. */
  readonly name: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** These run in seconds; the part of src that they are for. */
const QUICK = /^test\/(?:unit|property)\/(\w+)\/.*\.test\.ts$/;
const WHOLE = /^test\/(?:conformance|integration|robustness)\//;
/** Tests that are for a source, by the beginning of its path: they are asked first, also when `npm test` leaves them out. */
const FOR: Readonly<Record<string, readonly string[]>> = {
  'src/memory/monitor': ['integration/monitor-moved', 'integration/monitor-log'],
  'src/memory/': ['integration/shed'],
  'src/wire/client/client-link': [
    ...['integration/pooling-rights', 'integration/console'],
    ...['robustness/limits-clients', 'robustness/drain'],
  ],
  'src/wire/client/clients': ['integration/moving', 'robustness/drain'],
  'src/wire/client/entrance': ['integration/tls', 'integration/addresses'],
  'src/wire/client/listener': ['robustness/servers-killed', 'robustness/limits-clients'],
  'src/wire/upstream/upstream-socket': ['integration/last-words'],
  'src/core/session/pooling': ['integration/pooling'],
  'src/core/session/': ['integration/framing', 'integration/ttl'],
  'src/core/policy/': ['integration/ttl', 'integration/shed'],
};
/** What lets a test play whole connections. */
const PLAYS = ['src/runtime/proxy.ts', 'test/support/proxy-process.ts'];

export class Tests {
  private readonly imports = new Map<string, readonly string[]>();
  /** Those of `npm test` that play whole connections. */
  readonly whole: readonly Judge[];

  /** @param root a copy of the project in which nothing changes */
  constructor(private readonly root: string) {
    for (const folder of ['src', 'test']) {
      for (const file of readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }))
        if (file.endsWith('.ts')) this.read(path.join(folder, file));
    }
    const play = new Set(PLAYS.flatMap((file) => [...this.distancesTo(file).keys()]));
    this.whole = plan('fast', testFiles(root))
      .filter(({ file }) => WHOLE.test(file) && play.has(file))
      .map(({ file, variant, env }) => ({ name: variant === '' ? file : `${file} (${variant})`, file, env }));
  }

  /**
   * Unit and property tests that import `source`, and by how many steps: those of its part by any number, others that
   * import it by two. The nearest first.
   */
  quick(source: string): (Judge & { readonly steps: number })[] {
    const [, part] = /^src\/(\w+)\//.exec(source) ?? [];
    return [...this.distancesTo(source)]
      .filter(([file, steps]) => {
        const of = QUICK.exec(file)?.[1];
        return of === part || (of !== undefined && steps <= 2);
      })
      .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
      .map(([file, steps]) => ({ name: file, file, env: {}, steps }));
  }

  /** Those that are for `source`. */
  first(source: string): Judge[] {
    const names = Object.entries(FOR).flatMap(([start, files]) => (source.startsWith(start) ? files : []));
    return [...new Set(names)].map((name) => {
      const file = `test/${name}.test.ts`;
      return this.whole.find((judge) => judge.name === file) ?? { name: file, file, env: {} };
    });
  }

  /** Of a test and all that it imports of test/: it changes with any of them. */
  fingerprint({ file }: Judge): string {
    const seen = new Set([file]);
    for (const each of seen)
      for (const to of this.imports.get(each) ?? []) if (to.startsWith('test/')) seen.add(to);
    const hash = createHash('sha1');
    for (const each of [...seen].sort()) hash.update(readFileSync(path.join(this.root, each)));
    return hash.digest('hex');
  }

  private read(file: string): void {
    const text = readFileSync(path.join(this.root, file), 'utf8');
    const found = [...text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)\.js';/gms)];
    const to = found.map(([, name = '']) => path.join(path.dirname(file), `${name}.ts`));
    this.imports.set(file, to);
  }

  /** Of each file that imports it, by how many steps. */
  private distancesTo(source: string): Map<string, number> {
    const distances = new Map([[source, 0]]);
    for (let next = [source], steps = 1; next.length > 0; steps++) {
      const reached: string[] = [];
      for (const [file, to] of this.imports) {
        if (distances.has(file) || !to.some((one) => next.includes(one))) continue;
        distances.set(file, steps);
        reached.push(file);
      }
      next = reached;
    }
    return distances;
  }
}
