// Says when files may have changed: watches their folders, and looks once a minute all the same, since not every file
// system tells of changes. Kubernetes renews what it mounts by turning a symbolic link beside the files: so it is the
// folder that is watched, and what a change means is for the owner to find out, who compares the content.
// A file system that hangs holds up a thread of Node's pool, not the process: that the files can be reached is found out
// by that thread before their owner, who reads them, is called.
// Invariant: the owner is called once for changes that come close together, when they have been still for a moment.
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Files that belong together are written one after the other, and one file in several pieces. */
const SETTLE_MS = 200;
const LOOK_EVERY_MS = 60_000;

export class FileWatch {
  private readonly watchers: FSWatcher[] = [];
  private readonly looking: NodeJS.Timeout;
  private settling: NodeJS.Timeout | undefined;
  private reaching = false;
  private closed = false;

  constructor(
    private readonly paths: readonly string[],
    private readonly look: () => void,
  ) {
    for (const folder of new Set(paths.map((path) => dirname(path)))) this.watch(folder);
    this.looking = setInterval(() => void this.lookNow(), LOOK_EVERY_MS).unref();
  }

  /** The owner has looked: what has changed up to now needs no other look. */
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
      // The folder is gone, say: what is left is the look once a minute.
      watcher.on('error', () => watcher.close());
      this.watchers.push(watcher);
    } catch {
      // No watch to be had here (their number is limited): as above.
    }
  }

  private lookSoon(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.lookNow(), SETTLE_MS).unref();
  }

  private async lookNow(): Promise<void> {
    if (this.reaching) return;
    this.reaching = true;
    // Those that are gone, too: the owner says so.
    await Promise.allSettled(this.paths.map((path) => stat(path)));
    this.reaching = false;
    if (!this.closed) this.look();
  }
}
