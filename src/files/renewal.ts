// The secure context that new connections get, renewed when its files are: what counts is whether their content has
// changed, whatever a watch says.
// Invariant: there is always a usable context: files that cannot be used leave the one before in its place.
import { createSecureContext, type SecureContext } from 'node:tls';
import { readTlsFiles, type TlsFiles, type TlsMaterial, tlsMaterial } from './material.js';
import { isPassing } from './read-file.js';
import { FileWatch } from './watch.js';
import { withFiles } from './with-files.js';

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
  private readonly watch: FileWatch;
  private renewals = 0;
  private problem: string | null = null;
  private underWay: Promise<void> = Promise.resolve();
  private waiting: Promise<void> | undefined;

  /** @throws TlsFileError when the files cannot be used to begin with */
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

  /** Reads the files, as they are now or later. Resolves when they are in use, or it is known that they cannot be. */
  reload(): Promise<void> {
    // One that waits has read nothing yet.
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
      // It says nothing of the files, and they are looked at again.
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
