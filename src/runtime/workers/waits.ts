// Promises for conditions of a process that answers later: each resolves when its condition holds, or its time is over.
// The owner calls settle() after each change.

export class Waits {
  private waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves when `done` says so, or after `limitMs`. */
  until(done: () => boolean, limitMs: number): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.waiting.push({
        done,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** Resolves those whose condition holds now; with `all`, every one. */
  settle(all: boolean): void {
    if (this.waiting.length === 0) return;
    const settled = this.waiting.filter(({ done }) => all || done());
    this.waiting = this.waiting.filter((wait) => !settled.includes(wait));
    for (const { resolve } of settled) resolve();
  }
}
