// Which test files may notice a change of a source file: unit and property tests that import it by any number of steps, and
// those of its part that play whole connections. Reads the imports of src and test once.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** By folder of src: what tests it through a running proxy. */
const BY_PART: Readonly<Record<string, readonly string[]>> = {
  'core/resp': ['integration/framing'],
  'core/commands': ['integration/ttl', 'integration/shed', 'integration/pooling'],
  'core/policy': ['integration/ttl', 'integration/shed'],
  'core/session': ['integration/ttl', 'integration/pooling', 'integration/framing', 'conformance/pipelines'],
  wire: ['integration/pooling', 'robustness/drain', 'robustness/limits'],
  memory: ['integration/shed'],
};
/** These run in seconds; the part of src that they are for. */
const QUICK = /^test\/(?:unit|property)\/(\w+)\/.*\.test\.ts$/;

export class Tests {
  private readonly imports = new Map<string, readonly string[]>();

  constructor(private readonly root: string) {
    for (const folder of ['src', 'test']) {
      for (const file of readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }))
        if (file.endsWith('.ts')) this.read(path.join(folder, file));
    }
  }

  /** Unit and property tests of its part that import `source`, the nearest first. Paths from the root. */
  quick(source: string): string[] {
    const [, part] = /^src\/(\w+)\//.exec(source) ?? [];
    return [...this.distancesTo(source)]
      .filter(([file]) => QUICK.exec(file)?.[1] === part)
      .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
      .map(([file]) => file);
  }

  /** Those that play whole connections. */
  whole(source: string): string[] {
    const part = Object.keys(BY_PART).find((folder) => source.startsWith(`src/${folder}/`));
    return part === undefined ? [] : BY_PART[part].map((name) => `test/${name}.test.ts`);
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
