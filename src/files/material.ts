// Reads certificate, key and CA files for Node's TLS, and checks them as far as the files alone allow.
// Has no state and watches nothing. Invariants: the result is usable: the key belongs to the certificate, and the certificate
// is valid now. No error shows any of a file's content.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { whyUnreadable } from './read-file.js';
import { type WithFiles, withFilesNow } from './with-files.js';

/** Paths. A certificate has its key with it. */
export interface TlsFiles {
  /** PEM: the certificate, followed by the intermediate certificates. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** PEM: the certificate authorities that may have issued the other side's certificate. */
  readonly ca?: string | undefined;
}

export type TlsFile = keyof TlsFiles;

export interface TlsMaterial {
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly ca: Buffer | undefined;
  /** When the certificate ends, milliseconds since 1970. */
  readonly expiresAt: number | undefined;
  /** Equal for equal content. */
  readonly digest: string;
}

/** A file that cannot be used. The message continues the name of its setting. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';

  constructor(
    readonly file: TlsFile,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** @throws TlsFileError */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  return withFilesNow(tlsMaterial(files));
}

/** @throws TlsFileError */
export function* tlsMaterial(files: TlsFiles, now = Date.now()): WithFiles<TlsMaterial> {
  const cert = yield* read(files, 'cert');
  const key = yield* read(files, 'key');
  const ca = yield* read(files, 'ca');
  const own = cert && certificate('cert', files, cert);
  const secret = key && privateKey(files, key);
  if (own && secret && !own.checkPrivateKey(secret)) {
    throw new TlsFileError('key', `${files.key} is not the key of the certificate ${files.cert}`);
  }
  if (own) checkDates(files, own, now);
  if (ca) certificate('ca', files, ca);
  return { cert, key, ca, expiresAt: own && Date.parse(own.validTo), digest: digest([cert, key, ca]) };
}

function* read(files: TlsFiles, file: TlsFile): WithFiles<Buffer | undefined> {
  const path = files[file];
  if (path === undefined) return undefined;
  try {
    return yield { path, regular: true };
  } catch (error) {
    throw new TlsFileError(file, `cannot read ${path}: ${whyUnreadable(error)}`, { cause: error });
  }
}

function certificate(file: TlsFile, files: TlsFiles, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    const remedy = 'it must contain "-----BEGIN CERTIFICATE-----" and the data after it';
    throw new TlsFileError(file, `${files[file]} is not a certificate in PEM form: ${remedy}`);
  }
}

function privateKey(files: TlsFiles, pem: Buffer): KeyObject {
  // The file itself says so; OpenSSL's message differs between versions.
  if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem.toString('latin1'))) {
    const remedy = 'write it without one, readable only for the user that Spillway runs as';
    throw new TlsFileError('key', `${files.key} has a passphrase: ${remedy}`);
  }
  try {
    return createPrivateKey(pem);
  } catch {
    const remedy = 'it must contain "-----BEGIN PRIVATE KEY-----" and the data after it';
    throw new TlsFileError('key', `${files.key} is not a private key in PEM form: ${remedy}`);
  }
}

function checkDates(files: TlsFiles, own: X509Certificate, now: number): void {
  const [from, to] = [Date.parse(own.validFrom), Date.parse(own.validTo)];
  if (now > to) {
    throw new TlsFileError('cert', `${files.cert} expired on ${day(to)}: renew it`);
  }
  if (now < from) {
    const remedy = "wait until then, or correct this machine's clock";
    throw new TlsFileError('cert', `${files.cert} is valid only from ${day(from)} on: ${remedy}`);
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString();
}

function digest(parts: readonly (Buffer | undefined)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part?.length ?? 'none'} `).update(part ?? '');
  return hash.digest('hex');
}
