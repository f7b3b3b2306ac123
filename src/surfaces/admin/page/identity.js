// Which proxy this is: version, upstream, config file, workers, since when. Owns the line below the brand.
import { byId, setText } from './dom.js';
import { duration } from './format.js';

/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

/** @typedef {{ version: string, listen: string, upstream: string, file: string | null, mode: string }} Identity */

/** @param {(path: string) => Promise<any>} getJson @returns {Promise<Identity>} */
export async function learnIdentity(getJson) {
  const [{ version }, { file, config }] = await Promise.all([getJson('/api'), getJson('/api/config')]);
  return { version, file, listen: String(config.listen), upstream: config.upstream.url, mode: config.mode };
}

/** Which server is the primary now, behind Sentinels. @param {LiveSnapshot['connections']} connections */
function primaryOf({ failover }) {
  if (failover === null) return '';
  const { state, address } = failover;
  if (state === 'here') return `, primary ${address}`;
  return address === null ? ', no primary yet' : `, no primary now (last ${address})`;
}

/** @param {Identity} identity @param {LiveSnapshot} live */
export function showIdentity(
  { version, listen, upstream, file, mode },
  { memory, workers, stats, connections },
) {
  const { upstreamVersion, upstreamMode, upstreamRole } = memory;
  const server = [upstreamVersion, upstreamMode, upstreamRole].filter((part) => part !== null).join(', ');
  const up = (Date.parse(stats.takenAt) - Date.parse(stats.since)) / 1000;
  const working =
    workers.running === workers.configured
      ? `${workers.configured} ${workers.configured === 1 ? 'worker' : 'workers'}`
      : `${workers.running} of ${workers.configured} workers`;
  const parts = [
    `${listen} → ${upstream}${primaryOf(connections)}${server === '' ? '' : ` (${server})`}`,
    `version ${version}`,
    `mode ${mode}`,
    file ?? 'no config file',
    working,
  ];
  setText(byId('identity'), `${parts.join(' · ')} · `);
  setText(byId('up'), `counting for ${duration(up)}`);
}
