// Checks the TLS files of a config before anything starts, so that `spillway check` finds problems with them.
import { TlsFileError, type TlsFiles, tlsMaterial } from '../files/material.js';
import type { WithFiles } from '../files/with-files.js';
import type { Locate } from './check.js';
import type { EffectiveConfig } from './effective.js';
import { ConfigError, type ConfigProblem } from './error.js';

/** @throws ConfigError CONFIG_INVALID for files that cannot be used */
export function* checkTlsFiles(
  { listenTls, upstream }: EffectiveConfig,
  locate: Locate,
  source = 'configuration',
): WithFiles<void> {
  const problems: ConfigProblem[] = [];
  let cause: unknown;
  const look = function* (
    at: readonly string[],
    files: TlsFiles,
    names: Record<keyof TlsFiles, string>,
  ): WithFiles<void> {
    try {
      yield* tlsMaterial(files);
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error;
      cause ??= error.cause;
      problems.push({ ...locate([...at, names[error.file]]), message: error.message });
    }
  };
  if (listenTls !== undefined) {
    const { cert, key, clientCa: ca } = listenTls;
    yield* look(['listenTls'], { cert, key, ca }, { cert: 'cert', key: 'key', ca: 'clientCa' });
  }
  if (upstream.tls !== undefined) {
    yield* look(['upstream', 'tls'], upstream.tls, { cert: 'cert', key: 'key', ca: 'ca' });
  }
  if (problems.length > 0) throw new ConfigError('CONFIG_INVALID', source, problems, { cause });
}
