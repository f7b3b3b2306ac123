// Which tests execute a place in a file: from V8's own counts, collected while each test runs once, and kept for the next run
// on the same sources.
// Invariant: offsets are those of the JavaScript that ran, not of its TypeScript.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ranges = z.array(z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() }));
const report = z.object({
  result: z.array(z.object({ url: z.string(), functions: z.array(z.object({ ranges })) })),
});
type Ranges = z.infer<typeof ranges>;
/** What one test ran: by file, the counts of its functions. */
const lesson = z.object({ ms: z.number(), files: z.record(z.string(), z.array(ranges)) });
export type Lesson = z.infer<typeof lesson>;

export class Coverage {
  private readonly ran = new Map<string, Lesson>();

  /** @param root where the tests run; `kept`: a folder in which what was learnt is found again */
  constructor(
    private readonly root: string,
    private readonly kept: string,
  ) {
    mkdirSync(kept, { recursive: true });
  }

  /** What is known of `test`; undefined: nothing. */
  recall(test: string): Lesson | undefined {
    const file = this.fileOf(test);
    if (!this.ran.has(test) && existsSync(file))
      this.ran.set(test, lesson.parse(JSON.parse(readFileSync(file, 'utf8'))));
    return this.ran.get(test);
  }

  /** Takes what NODE_V8_COVERAGE wrote into `folder` while `test` ran for so long. */
  add(test: string, folder: string, ms: number): Lesson {
    const files: Record<string, Ranges[]> = {};
    for (const name of readdirSync(folder)) {
      const { result } = report.parse(JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
      for (const { url, functions } of result) {
        if (!url.startsWith('file:')) continue;
        const file = path.relative(this.root, fileURLToPath(url)).replace(/\.js$/, '.ts');
        if (!file.startsWith('src/')) continue;
        files[file] = [...(files[file] ?? []), ...functions.map((each) => each.ranges)];
      }
    }
    const learnt = { ms, files };
    this.ran.set(test, learnt);
    writeFileSync(this.fileOf(test), JSON.stringify(learnt));
    return learnt;
  }

  /** Whether `test` executes what stands at `offset` of `file`. */
  has(test: string, file: string, offset: number): boolean {
    return (this.ran.get(test)?.files[file] ?? []).some((each) => {
      if (each.length === 0 || !holds(each[0], offset)) return false;
      // Ranges nest, outer ones first: the last one that holds the place has its count.
      return each.reduce((count, range) => (holds(range, offset) ? range.count : count), 0) > 0;
    });
  }

  private fileOf(test: string): string {
    return path.join(this.kept, `${test.replaceAll('/', '+')}.json`);
  }
}

function holds({ startOffset, endOffset }: Ranges[number], offset: number): boolean {
  return startOffset <= offset && offset < endOffset;
}
