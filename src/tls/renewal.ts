// The secure context that new connections get, renewed when its files are: watches their folders, and looks once a
// minute all the same, since not every file system tells of changes. Kubernetes renews a mounted secret by turning a
// symbolic link beside the files: so it is the folder that is watched, and the content that is compared.
// Invariant: there is always a usable context: files that cannot be used leave the one before in its place.
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { readTlsFiles, type TlsFiles, type TlsMaterial } from './material.js';

/** Certificate and key are written one after the other: both are read when it has been still for so long. */
const SETTLE_MS = 200;
const LOOK_EVERY_MS = 60_000;

export interface RenewalEvents {
  /** New connections get what the files hold now. */
  renewed(material: TlsMaterial): void;
  /** The files have changed and cannot be used; called again only for another reason. */
  kept(error: Error): void;
}

export interface RenewalSnapshot {
  /** When the certificate ends, milliseconds since 1970; null: there is none. */
  readonly certificateExpiresAt: number | null;
  readonly renewals: number;
  /** Why the files as they are now cannot be used; null: they are in use. */
  readonly problem: string | null;
}

export class TlsRenewal {
  private current: TlsMaterial;
  private secureContext: SecureContext;
  private readonly watchers: FSWatcher[] = [];
  private readonly looking: NodeJS.Timeout;
  private settling: NodeJS.Timeout | undefined;
  private renewals = 0;
  private problem: string | null = null;

  /** @throws TlsFileError when the files cannot be used to begin with */
  constructor(
    private readonly files: TlsFiles,
    private readonly events: RenewalEvents,
  ) {
    this.current = readTlsFiles(files);
    this.secureContext = contextOf(this.current);
    for (const folder of foldersOf(files)) this.watch(folder);
    this.looking = setInterval(() => this.reload(), LOOK_EVERY_MS).unref();
  }

  get material(): TlsMaterial {
    return this.current;
  }

  get context(): SecureContext {
    return this.secureContext;
  }

  snapshot(): RenewalSnapshot {
    const { renewals, problem } = this;
    return { certificateExpiresAt: this.current.expiresAt ?? null, renewals, problem };
  }

  /** Reads the files now. Returns whether they are in use. */
  reload(): boolean {
    clearTimeout(this.settling);
    this.settling = undefined;
    try {
      const material = readTlsFiles(this.files);
      if (material.digest !== this.current.digest) {
        this.secureContext = contextOf(material);
        this.current = material;
        this.renewals++;
        this.events.renewed(material);
      }
      this.problem = null;
      return true;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.problem) this.events.kept(error as Error);
      this.problem = message;
      return false;
    }
  }

  close(): void {
    clearInterval(this.looking);
    clearTimeout(this.settling);
    for (const watcher of this.watchers) watcher.close();
  }

  private watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.reloadSoon());
      // The folder is gone, say: what is left is the look once a minute.
      watcher.on('error', () => watcher.close());
      this.watchers.push(watcher);
    } catch {
      // No watch to be had here (their number is limited): as above.
    }
  }

  private reloadSoon(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.reload(), SETTLE_MS).unref();
  }
}

function contextOf({ cert, key, ca }: TlsMaterial): SecureContext {
  return createSecureContext({ ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) });
}

function foldersOf({ cert, key, ca }: TlsFiles): Set<string> {
  return new Set([cert, key, ca].filter((path) => path !== undefined).map((path) => dirname(path)));
}
