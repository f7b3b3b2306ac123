// Gives the planned switch what it needs of this proxy: the Sentinels' view, the pause of the service, logins and limits. Wiring
// only.
import type { EffectiveConfig } from '../config/effective.js';
import type { Follower } from '../failover/follower.js';
import { PlannedSwitch } from '../failover/planned-switch.js';
import { secureOptions, type UpstreamTls } from '../wire/upstream/upstream-socket.js';

/** undefined: no Sentinels. `settled`, `said`: see FailoverParts. */
export function plannedSwitchOf(
  { upstream }: EffectiveConfig,
  secure: UpstreamTls | undefined,
  clock: () => number,
  follower: Follower,
  settled: () => Promise<boolean>,
  said: (text: string, failed: boolean) => void,
): PlannedSwitch | undefined {
  const { failover, username, password, connectTimeoutMs } = upstream;
  if (failover === undefined) return undefined;
  const { primary, natMap, pauseMs, user } = failover;
  const tls = secure && ((host: string) => secureOptions({ host, port: 0, connectTimeoutMs }, secure));
  return new PlannedSwitch({
    ...{ primary, natMap, pauseMs, clock, said },
    sentinelLogin: { username: user, password: failover.password, tls },
    serverLogin: { username, password, tls },
    hindrance: () => follower.hindrance,
    address: () => follower.address,
    sentinels: () => follower.agreeing,
    hold: () => (follower.hold('a planned switch') ? settled() : undefined),
    release: () => follower.release(),
    switching: (sentinel) => follower.switching(sentinel),
  });
}
