// The text of `failover --help` below the list of flags. Text only.
import { ASK_ENVIRONMENT } from './ask-help.js';
import { exitStatusHelp } from './exit.js';

export const FAILOVER_MANUAL = `
Description:
  Makes a running proxy switch its primary to a replica, for example before you restart the server.
  The proxy must have redis-sentinel:// in upstream.url.

  1. The proxy checks that a majority of the Sentinels names the primary, that a Sentinel can
     promote a replica, and that this replica keeps up. If not, nothing happens.
  2. Its clients wait. Replies that are due still come.
  3. When the replica has everything that clients were told is written, the proxy tells the
     Sentinel to promote it (SENTINEL FAILOVER).
  4. Clients go on at the new primary, after 1.1 to 1.5 s in all.

  If a replica needs too long in step 3, clients go on at the old primary, and nothing has changed.
  Other Spillways of the same primary follow the switch as they follow any other: they pause when
  Sentinel announces it. Clients that connect to Redis without Spillway can lose what they write
  until Sentinel demotes the old primary, some ten seconds. With --pause-server the old primary holds
  back all writes meanwhile (CLIENT PAUSE), so nothing is lost there either: such clients wait, and
  their connections end. If that is refused, clients go on, and nothing has changed.

  Sentinel chooses the replica: the one with the lowest replica-priority. --dry-run prints it, how
  far each replica is behind, and how long clients would wait.

  Ctrl-C ends this command, but not the switch.

Examples:
  spillway failover --dry-run
      What would happen now.
  spillway failover
      Do it. The proxy needs an admin token, because this changes something.

Rights:
  The Sentinels' user also needs +sentinel|replicas, +sentinel|ckquorum and +sentinel|failover. The
  user of upstream.url needs +info on the replicas as well, and for --pause-server +client.
${ASK_ENVIRONMENT}${exitStatusHelp('failover')}`;
