// The secure context of new connections, renewed when the content of its files changes, whatever a watch reports.
// Invariant: there is always a usable context: if new files cannot be used, the old context stays.
import { createSecureContext, type SecureContext } from 'node:tls';
import { readTlsFiles, type TlsFiles, type TlsMaterial, tlsMaterial } from './material.js';
import { isPassing } from './read-file.js';
import { FileWatch } from './watch.js';
import { withFiles } from './with-files.js';

export interface RenewalEvents {
  /** New connections use the new files. */
  renewed(material: TlsMaterial): void;
  /** The changed files cannot be used; called again only for another reason. */
  kept(error: Error): void;
}

export interface RenewalSnapshot {
  /** When the certificate expires, milliseconds since 1970; null: there is none. */
  readonly certificateExpiresAt: number | null;
  readonly renewals: number;
  /** Why the present files cannot be used; null: they are in use. */
  readonly problem: string | null;
}

export class TlsRenewal {
  private current: TlsMaterial;
  private secureContext: SecureContext;
  private readonly watch: FileWatch;
  private renewals = 0;
  private problem: string | null = null;
  private underWay: Promise<void> = Promise.resolve();
  private waiting: Promise<void> | undefined;

  /** @throws TlsFileError when the files cannot be used at the start */
  constructor(
    private readonly files: TlsFiles,
    private readonly events: RenewalEvents,
  ) {
    this.current = readTlsFiles(files);
    this.secureContext = contextOf(this.current);
    const paths = [files.cert, files.key, files.ca].filter((path) => path !== undefined);
    this.watch = new FileWatch(paths, () => this.reload());
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

  /** Reads the files again. Resolves when they are in use, or are known to be unusable. */
  reload(): Promise<void> {
    // A waiting reload has read nothing yet, so it also serves this call.
    this.waiting ??= this.underWay.then(() => {
      this.waiting = undefined;
      return this.attempt();
    });
    this.underWay = this.waiting;
    return this.waiting;
  }

  private async attempt(): Promise<void> {
    this.watch.looked();
    try {
      const material = await withFiles(tlsMaterial(this.files));
      if (material.digest !== this.current.digest) {
        this.secureContext = contextOf(material);
        this.current = material;
        this.renewals++;
        this.events.renewed(material);
      }
      this.problem = null;
    } catch (error) {
      // The error says nothing about the files, and they will be read again.
      if (isPassing((error as Error).cause)) return;
      const { message } = error as Error;
      if (message !== this.problem) this.events.kept(error as Error);
      this.problem = message;
    }
  }

  close(): void {
    this.watch.close();
  }
}

function contextOf({ cert, key, ca }: TlsMaterial): SecureContext {
  return createSecureContext({ ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) });
}
