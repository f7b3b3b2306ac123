// A Sentinel rig whose Sentinels and servers also listen by TLS, with a certificate for one name only; each Sentinel wants a login
// and gives the user `watch` the rights that FAILOVER.md lists, and each server does the same for the user `app`.
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from './certificates.js';
import { withIoredis } from './ioredis.js';
import type { TestScope } from './redis.js';
import { SENTINEL_PRIMARY } from './sentinel.js';
import { SentinelRig } from './sentinel-rig.js';

const MACHINES = 3;
/** The certificate is for this name, and for no address. */
const SERVER_NAME = 'redis.spillway.test';
export const WATCH = { user: 'watch', password: "the Sentinels' secret" };
const APP = { user: 'app', password: 'app-secret' };
const RIGHTS = ['+sentinel|master', '+sentinel|get-master-addr-by-name', '+ping', '+hello', '+client'];
const EVENTS = ['+subscribe', '&*'];
const SWITCH_RIGHTS = ['+sentinel|replicas', '+sentinel|ckquorum', '+sentinel|failover'];

export interface GuardedRig {
  readonly rig: SentinelRig;
  /** Where the servers are reached by TLS, by their ports. */
  readonly places: ReadonlyMap<number, number>;
  /** `upstream`, by TLS. */
  readonly upstream: { readonly url: string; readonly tls: object; readonly failover: object };
  /** Lets the user `watch` subscribe, who comes anew. */
  mayHear(): Promise<void>;
}

/** `events`: the user `watch` may subscribe. */
export async function withGuardedRig(t: TestScope, { events = true } = {}): Promise<GuardedRig> {
  const authority = await Authority.create(t);
  const { cert, key } = await authority.issue('all', { names: [SERVER_NAME], addresses: [] });
  const free = () => Promise.all(Array.from({ length: MACHINES }, () => findFreePort()));
  const serverPorts = await free();
  const sentinelPorts = await free();
  const secret = 'of the Sentinels among each other';
  const files = { 'tls-ca-cert-file': authority.ca, 'tls-cert-file': cert, 'tls-key-file': key };
  const tls = (port: number) =>
    Object.entries({ 'tls-port': String(port), 'tls-auth-clients': 'no', ...files });
  const { user, password } = WATCH;
  const watch = ['on', ...RIGHTS, ...SWITCH_RIGHTS, ...(events ? EVENTS : [])].join(' ');
  const rig = await SentinelRig.start(t, [], {
    sentinelPassword: secret,
    serverArgsOf: (i) => [
      ...tls(serverPorts[i] as number).flatMap(([name, value]) => [`--${name}`, value]),
      ...['--user', APP.user, 'on', `>${APP.password}`, '+info', '+command', '+client', '+hello'],
    ],
    sentinelLinesOf: (i) => [
      ...tls(sentinelPorts[i] as number).map(([name, value]) => `${name} ${value}`),
      `requirepass "${secret}"`,
      `sentinel sentinel-pass "${secret}"`,
      `user ${user} ">${password}" ${watch}`,
    ],
  });
  const secureAt = sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',');
  const places = new Map(rig.servers.map(({ port }, i) => [port, serverPorts[i] as number]));
  const natMap = Object.fromEntries(
    [...places].map(([from, to]) => [`127.0.0.1:${from}`, `127.0.0.1:${to}`]),
  );
  return {
    rig,
    places,
    upstream: {
      url: `rediss-sentinel://${APP.user}:${APP.password}@${secureAt}/${SENTINEL_PRIMARY}`,
      tls: { ca: authority.ca, serverName: SERVER_NAME },
      failover: { user, pause: '60s', natMap },
    },
    async mayHear() {
      for (const { port } of rig.sentinels) {
        const redis = withIoredis(t, port, { password: secret });
        await redis.call('ACL', 'SETUSER', user, ...EVENTS);
        await redis.call('CLIENT', 'KILL', 'USER', user);
      }
    },
  };
}
