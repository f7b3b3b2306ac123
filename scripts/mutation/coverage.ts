// Which tests execute a place in a file: from V8's own counts, collected while each test runs once, and kept for later runs
// until the test changes. Of a source that has changed since, only which tests load it is known.
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
/** What one test ran: by file, what that was then, and the counts of its functions. `ms` null: it does not pass. */
const lesson = z.object({
  ...{ ms: z.number().nullable(), fingerprint: z.string() },
  files: z.record(z.string(), z.object({ source: z.string(), functions: z.array(ranges) })),
});
export type Lesson = z.infer<typeof lesson>;

export class Coverage {
  private readonly ran = new Map<string, Lesson>();

  /**
   * @param root where the tests run
   * @param kept a folder in which what was learnt is found again
   * @param sources of each file of src, what tells it from another
   */
  constructor(
    private readonly root: string,
    private readonly kept: string,
    private readonly sources: ReadonlyMap<string, string>,
  ) {
    mkdirSync(kept, { recursive: true });
  }

  /** What is known of `test`; undefined: nothing, or of another than this one. */
  recall(test: string, fingerprint: string): Lesson | undefined {
    const file = this.fileOf(test);
    if (!this.ran.has(test) && existsSync(file)) {
      const known = lesson.safeParse(JSON.parse(readFileSync(file, 'utf8')));
      if (known.success && known.data.fingerprint === fingerprint) this.ran.set(test, known.data);
    }
    return this.ran.get(test);
  }

  /** Whether each source that it loads is as it was. */
  isFresh({ files }: Lesson): boolean {
    return Object.entries(files).every(([file, { source }]) => this.sources.get(file) === source);
  }

  /** Takes what NODE_V8_COVERAGE wrote into `folder` while `test` ran for so long. */
  add(test: string, fingerprint: string, folder: string, ms: number | null): Lesson {
    const files: Lesson['files'] = {};
    for (const name of readdirSync(folder)) {
      const text = readFileSync(path.join(folder, name), 'utf8');
      // A process that was killed leaves half of it.
      const { result } = text.endsWith('}') ? report.parse(JSON.parse(text)) : { result: [] };
      for (const { url, functions } of result) {
        if (!url.startsWith('file:')) continue;
        const file = path.relative(this.root, fileURLToPath(url)).replace(/\.js$/, '.ts');
        const source = this.sources.get(file);
        if (source === undefined) continue;
        const known = files[file]?.functions ?? [];
        files[file] = { source, functions: known.concat(functions.map((each) => each.ranges)) };
      }
    }
    const learnt = { ms, fingerprint, files };
    this.ran.set(test, learnt);
    writeFileSync(this.fileOf(test), JSON.stringify(learnt));
    return learnt;
  }

  /** Whether `test` executes what stands at `offset` of `file`, as far as is known. */
  has(test: string, file: string, offset: number): boolean {
    const seen = this.ran.get(test)?.files[file];
    if (seen === undefined || seen.source !== this.sources.get(file)) return seen !== undefined;
    return seen.functions.some((each) => {
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
