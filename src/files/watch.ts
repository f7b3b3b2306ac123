// Notices when files may have changed: it watches their folders, and also calls its owner once a minute, because not every
// file system reports changes. It watches folders because Kubernetes renews mounted files by replacing a symbolic link beside
// them. The owner compares the content to find out what has changed.
// Invariants: changes that come close together cause one call, a moment after the last one. If something changes during a
// call, another call follows.
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';

/** The moment without changes: related files are written one after the other, and a file in several pieces. */
const SETTLE_MS = 200;
const LOOK_EVERY_MS = 60_000;

export class FileWatch {
  private readonly watchers: FSWatcher[] = [];
  private readonly looking: NodeJS.Timeout;
  private settling: NodeJS.Timeout | undefined;
  private isLooking = false;
  private again = false;
  private closed = false;

  constructor(
    paths: readonly string[],
    private readonly look: () => Promise<unknown>,
  ) {
    for (const folder of new Set(paths.map((path) => dirname(path)))) this.watch(folder);
    this.looking = setInterval(() => void this.lookNow(), LOOK_EVERY_MS).unref();
  }

  /** The owner has looked: the changes up to now need no other look. */
  looked(): void {
    clearTimeout(this.settling);
    this.settling = undefined;
  }

  close(): void {
    this.closed = true;
    this.looked();
    clearInterval(this.looking);
    for (const watcher of this.watchers) watcher.close();
  }

  private watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.lookSoon());
      // The folder is gone, for example: then only the look once a minute remains.
      watcher.on('error', () => watcher.close());
      this.watchers.push(watcher);
    } catch {
      // No watch is available (their number is limited): as above.
    }
  }

  private lookSoon(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.lookNow(), SETTLE_MS).unref();
  }

  private async lookNow(): Promise<void> {
    this.again = true;
    if (this.isLooking) return;
    this.isLooking = true;
    while (this.again && !this.closed) {
      this.again = false;
      await this.look();
    }
    this.isLooking = false;
  }
}
