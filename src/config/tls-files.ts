// The files that a config names for TLS, looked at before anything starts, so that `spillway check` finds what is wrong.
import { readTlsFiles, TlsFileError, type TlsFiles } from '../files/material.js';
import type { EffectiveConfig } from './effective.js';
import { ConfigError, type ConfigProblem } from './error.js';

/** @throws ConfigError CONFIG_INVALID for files that cannot be used */
export function checkTlsFiles({ listenTls, upstream }: EffectiveConfig, source = 'configuration'): void {
  const problems: ConfigProblem[] = [];
  const look = (where: string, files: TlsFiles, names: Record<keyof TlsFiles, string>): void => {
    try {
      readTlsFiles(files);
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error;
      problems.push({ where: `${where}.${names[error.file]}`, message: error.message });
    }
  };
  if (listenTls !== undefined) {
    const { cert, key, clientCa: ca } = listenTls;
    look('listenTls', { cert, key, ca }, { cert: 'cert', key: 'key', ca: 'clientCa' });
  }
  if (upstream.tls !== undefined) {
    look('upstream.tls', upstream.tls, { cert: 'cert', key: 'key', ca: 'ca' });
  }
  if (problems.length > 0) throw new ConfigError('CONFIG_INVALID', source, problems);
}
