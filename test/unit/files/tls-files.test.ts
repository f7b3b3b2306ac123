// The files of TLS: what is wrong with them is said with its place and its remedy, and nothing of their content.

import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { ConfigError } from '../../../src/config/error.js';
import { loadConfig } from '../../../src/config/load.js';
import { readTlsFiles } from '../../../src/files/material.js';
import { Authority } from '../../support/certificates.js';

const authority = await Authority.create(t);
const [server, other, expired, future] = await Promise.all([
  authority.issue('server'),
  authority.issue('other'),
  authority.issue('expired', { days: [-5, -1] }),
  authority.issue('future', { days: [1, 5] }),
]);
const { ca, folder } = authority;
const write = (name: string, text: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
};

t.test('usable ones', async (t) => {
  const material = readTlsFiles({ ...server, ca });
  t.ok(material.cert?.equals(readFileSync(server.cert)));
  t.ok(material.key?.equals(readFileSync(server.key)));
  t.ok(material.ca?.equals(readFileSync(ca)));
  t.equal(readTlsFiles({ ...server, ca }).digest, material.digest);
  t.not(readTlsFiles({ ...server }).digest, material.digest);
  t.strictSame(readTlsFiles({}).expiresAt, undefined);
});

t.test('unusable ones', async (t) => {
  const locked = createPrivateKey(readFileSync(server.key)).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'hunter2',
  });
  const cases: [files: object, file: string, message: RegExp][] = [
    [{ ...server, cert: '/nowhere.pem' }, 'cert', /^cannot read \/nowhere\.pem: there is no such file$/],
    [{ ...server, key: folder }, 'key', /: it is a directory$/],
    [{ ca: write('no-ca.pem', 'hunter2') }, 'ca', /not a certificate in PEM form: it must contain/],
    [{ ...server, cert: write('no.pem', 'hunter2') }, 'cert', /not a certificate in PEM form/],
    [{ ...server, key: write('no.key', 'hunter2') }, 'key', /not a private key in PEM form/],
    [{ ...server, key: write('locked.key', String(locked)) }, 'key', /has a passphrase: write it without/],
    [{ ...server, key: other.key }, 'key', /other\.key is not the key of the certificate .*server\.pem$/],
    [expired, 'cert', /expired\.pem expired on \d{4}-.*: renew it$/],
    [
      future,
      'cert',
      /future\.pem is valid only from \d{4}-.* on: wait until then, or correct this machine's clock/,
    ],
  ];
  for (const [files, file, message] of cases) {
    t.throws(() => readTlsFiles(files), { name: 'TlsFileError', file, message });
  }
});

t.test('all TLS files of a configuration are checked, each at its place', async (t) => {
  const config = {
    listenTls: { ...server, clientCa: '/nowhere.pem' },
    upstream: { url: 'rediss://h', tls: { ...server, key: other.key } },
  };
  const file = write('config.json', JSON.stringify(config));
  try {
    loadConfig({ file, env: {}, flags: {} });
    t.fail('accepted');
  } catch (error) {
    t.ok(error instanceof ConfigError);
    t.match(error, {
      code: 'CONFIG_INVALID',
      source: file,
      problems: [
        { where: 'listenTls.clientCa', message: /no such file/ },
        { where: 'upstream.tls.key', message: /is not the key/ },
      ],
    });
  }
  const { cert, key } = server;
  const flags = { tlsCert: cert, tlsKey: key, upstream: 'rediss://h' };
  const loaded = loadConfig({ env: { SPILLWAY_UPSTREAM_CA: ca, SPILLWAY_TLS_KEY: 'x' }, flags });
  t.match(loaded.config, { listenTls: { cert, key }, upstream: { secure: true, tls: { ca } } });
});
