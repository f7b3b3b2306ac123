// Files of this process, one at a time, in the background. A file system that hangs keeps the thread of Node's pool that
// waits for it; the log, and looking up names, need one, too, and there are four.
// Invariants: one operation is under way at a time, however long it takes; nobody waits for one for longer than the limit;
// what nobody waits for any more is not begun.

/** Who waits for a file gets an error with this code after the limit. */
export const NO_ANSWER = 'ENOANSWER';

const LIMIT_MS = 5000;

export class FileLane {
  private readonly waiting = new Set<() => Promise<void>>();
  private busy = false;

  constructor(private readonly limitMs = LIMIT_MS) {}

  /** Resolves or rejects as `operation` does, once those before it are over. @throws with the code NO_ANSWER */
  run<T>(operation: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const work = async (): Promise<void> => {
        try {
          resolve(await operation());
        } catch (error) {
          reject(error);
        } finally {
          clearTimeout(timer);
        }
      };
      const timer = setTimeout(() => {
        this.waiting.delete(work);
        reject(Object.assign(new Error('the file system does not answer'), { code: NO_ANSWER }));
      }, this.limitMs);
      this.waiting.add(work);
      void this.next();
    });
  }

  private async next(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (const work of this.waiting) {
      this.waiting.delete(work);
      await work();
    }
    this.busy = false;
  }
}
