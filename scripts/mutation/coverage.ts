// Which tests execute a place in a file: from V8's own counts, collected while each test runs once. Pure, but for reading what
// Node left in a folder.
// Invariant: offsets are those of the JavaScript that ran, not of its TypeScript.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ranges = z.array(z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() }));
const report = z.object({
  result: z.array(z.object({ url: z.string(), functions: z.array(z.object({ ranges })) })),
});
type Ranges = z.infer<typeof ranges>;

export class Coverage {
  /** By test, then by file. */
  private readonly ran = new Map<string, Map<string, Ranges[]>>();

  constructor(private readonly root: string) {}

  /** Takes what NODE_V8_COVERAGE wrote into `folder` while `test` ran. */
  add(test: string, folder: string): void {
    const files = new Map<string, Ranges[]>();
    this.ran.set(test, files);
    for (const name of readdirSync(folder)) {
      const { result } = report.parse(JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
      for (const { url, functions } of result) {
        if (!url.startsWith('file:')) continue;
        const file = path.relative(this.root, fileURLToPath(url)).replace(/\.js$/, '.ts');
        if (!file.startsWith('src/')) continue;
        files.set(file, [...(files.get(file) ?? []), ...functions.map((each) => each.ranges)]);
      }
    }
  }

  /** Whether `test` executes what stands at `offset` of `file`. */
  has(test: string, file: string, offset: number): boolean {
    return (this.ran.get(test)?.get(file) ?? []).some((each) => {
      if (each.length === 0 || !holds(each[0], offset)) return false;
      // Ranges nest, outer ones first: the last one that holds the place has its count.
      return each.reduce((count, range) => (holds(range, offset) ? range.count : count), 0) > 0;
    });
  }
}

function holds({ startOffset, endOffset }: Ranges[number], offset: number): boolean {
  return startOffset <= offset && offset < endOffset;
}
