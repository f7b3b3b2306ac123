// The certificates of one process, for its clients and for the server, from the config. Each process reads and watches the
// files itself, so no key passes between processes.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { type RenewalEvents, TlsRenewal } from '../files/renewal.js';
import type { EntranceOptions } from '../wire/client/entrance.js';
import { SourceList } from '../wire/client/sources.js';
import type { UpstreamTls } from '../wire/upstream/upstream-socket.js';

/** TLS toward the server; undefined: none. */
export function upstreamTls({ upstream }: EffectiveConfig, log: Logger): UpstreamTls | undefined {
  if (upstream.tls === undefined) return undefined;
  // The address of a name that moves changes, and the certificate is the name's.
  const { serverName = upstream.followedName && upstream.host, ...files } = upstream.tls;
  return { renewal: new TlsRenewal(files, logged(log, 'upstream')), serverName };
}

/** TLS and PROXY headers toward clients. `renewed`: called with a new certificate. */
export function entranceOptions(
  { listenTls, proxyFrom }: EffectiveConfig,
  log: Logger,
  renewed: () => void,
): EntranceOptions {
  const proxied = proxyFrom.length === 0 ? undefined : new SourceList(proxyFrom);
  if (listenTls === undefined) return { proxied };
  const { cert, key, clientCa: ca } = listenTls;
  const events = logged(log, 'clients');
  const renewal = new TlsRenewal(
    { cert, key, ca },
    {
      ...events,
      renewed: (material) => {
        renewed();
        events.renewed(material);
      },
    },
  );
  return { proxied, tls: { renewal, verifyClients: ca !== undefined } };
}

function logged(log: Logger, side: 'clients' | 'upstream'): RenewalEvents {
  return {
    renewed: ({ expiresAt }) => {
      const expires = expiresAt === undefined ? undefined : new Date(expiresAt).toISOString();
      log.info({ side, expires }, 'TLS files were renewed; new connections use them');
    },
    kept: (error) =>
      log.error(
        { side, err: error.message },
        'cannot use the changed TLS files; the old ones stay in use until you fix the new ones',
      ),
  };
}
