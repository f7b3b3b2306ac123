// Certificates for one test, made when it runs, so that none in the repository ever expires.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { generate } from 'selfsigned';
import { withFolder } from './folder.js';
import type { TestScope } from './redis.js';

const DAY_MS = 24 * 60 * 60 * 1000;

export interface CertificateOptions {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  /** From when to when it is valid, in days from now. */
  readonly days?: readonly [from: number, to: number];
}

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  /** Path of its certificate. */
  readonly ca: string;

  private constructor(
    private readonly own: Awaited<ReturnType<typeof generate>>,
    readonly folder: string,
  ) {
    this.ca = path.join(folder, 'ca.pem');
    writeFileSync(this.ca, own.cert);
  }

  /** With its files in a folder of their own, removed when `t` ends. */
  static async create(t: TestScope): Promise<Authority> {
    const folder = withFolder(t, 'spillway-tls-');
    const own = await generate([{ name: 'commonName', value: 'test authority' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notAfterDate: new Date(Date.now() + 9 * DAY_MS),
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    return new Authority(own, folder);
  }

  /** Writes a certificate from this authority, and its key: for localhost, where `options` do not say else. */
  async issue(name: string, options: CertificateOptions = {}): Promise<CertificateFiles> {
    const { names = ['localhost'], addresses = ['127.0.0.1', '::1'], days = [-1, 8] } = options;
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notBeforeDate: new Date(Date.now() + days[0] * DAY_MS),
      notAfterDate: new Date(Date.now() + days[1] * DAY_MS),
      ca: { key: this.own.private, cert: this.own.cert },
      extensions: [
        {
          name: 'subjectAltName',
          altNames: [
            ...names.map((value) => ({ type: 2 as const, value })),
            ...addresses.map((ip) => ({ type: 7 as const, ip })),
          ],
        },
      ],
    });
    const files = { cert: path.join(this.folder, `${name}.pem`), key: path.join(this.folder, `${name}.key`) };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    return files;
  }
}
