// The HTML report of an analysis: one page without scripts, fonts or network. Pure.
import type { Analysis, GroupAnalysis } from '../analysis.js';
import { spanText } from '../bands.js';
import { bar, bytes, count, percent, ratio, stacked, table, text } from './elements.js';
import { freedPlot, memoryPlot } from './plots.js';
import { STYLE } from './style.js';

const SHOWN_GROUPS = 50;
const SHOWN_KEY = 200;

export function reportHtml(analysis: Analysis): string {
  const { at, servers, keys, memory, partial, sampled, notes } = analysis;
  const limit = memory.limitBytes > 0 ? ` of ${bytes(memory.limitBytes)}` : ', no maxmemory';
  const groups = analysis.groups.slice(0, SHOWN_GROUPS);
  const warnings = [
    ...(partial ? ['Ended early: not all keys were seen.'] : []),
    ...(sampled || partial
      ? ['Estimated from a part of the keys. The bounds are 95% confidence intervals.']
      : []),
    ...notes,
  ];
  const hidden = analysis.groups.length - groups.length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Memory of ${text(servers.join(', '))}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Memory of ${text(servers.join(', '))}</h1>
<p>${text(at)} · ${count(keys.looked)} of ${count(keys.total)} keys · used ${bytes(memory.usedBytes)}${limit}</p>
${warnings.map((warning) => `<p class="warn">${text(warning)}</p>`).join('\n')}
<h2>Where the memory is</h2>
<p>Shares are of ${memory.limitBytes > memory.usedBytes ? 'maxmemory' : 'the memory in use'}.</p>
${memoryPlot(analysis)}
<h2>When it will be free again</h2>
<p>How much of the keys' memory has expired by then, if nothing new is written.
Without a TTL: ${percent(ratio(withoutTtlBytes(analysis), memory.keyBytes.estimate))}, ${bytes(withoutTtlBytes(analysis))}.</p>
${freedPlot(analysis)}
<h2>By pattern</h2>
${table(
  ['group', 'keys', 'bytes', 'of the keys', 'average', 'largest', 'with a TTL'],
  groups.map((group) => groupRow(group, analysis)),
)}
${hidden > 0 ? `<p>${count(hidden)} more groups with less memory: spillway analyze --json lists all.</p>` : ''}
<h2>Types, encodings, idle times</h2>
<p>From a part of the keys. Idle: the time since a key was last used.</p>
${table(['group', 'types', 'encodings', 'idle'], groups.map(shapeRow))}
<h2>Biggest keys</h2>
${table(['key', 'type', 'encoding', 'bytes', 'server', 'db', 'TTL'], biggestRows(analysis))}
</body>
</html>
`;
}

function withoutTtlBytes({ groups }: Analysis): number {
  return groups.reduce((sum, group) => sum + group.withoutTtlBytes, 0);
}

function groupRow(group: GroupAnalysis, { sampled, partial }: Analysis): string[] {
  const { name, by, share, averageBytes, largestBytes, withoutTtl, keys } = group;
  const bounds =
    sampled || partial ? `<br><small>${bytes(group.bytes.low)} – ${bytes(group.bytes.high)}</small>` : '';
  const covered = 1 - ratio(withoutTtl.estimate, keys.estimate);
  return [
    `${named(name)}${by === 'rule' ? ' <small>rule</small>' : ''}`,
    count(keys.estimate),
    `${bytes(group.bytes.estimate)}${bounds}`,
    `${bar(share)} ${percent(share)}`,
    bytes(averageBytes),
    bytes(largestBytes),
    `${bar(covered)} ${percent(covered)}`,
  ];
}

function shapeRow({ name, types, encodings, idle }: GroupAnalysis): string[] {
  const slices = idle.map(({ band, share }, i) => ({
    name: `${band} ${percent(share)}`,
    share,
    color: `i${i}`,
  }));
  const told = idle.filter(({ share }) => share > 0);
  return [
    named(name),
    shares(Object.entries(types)),
    shares(Object.entries(encodings)),
    idle.length === 0
      ? 'unknown'
      : `${shares(told.map(({ band, share }) => [band, share]))} ${stacked(slices)}`,
  ];
}

function biggestRows({ biggest }: Analysis): string[][] {
  return Object.entries(biggest).flatMap(([type, list]) =>
    list.map(({ key, encoding, bytes: size, server, db, ttlSeconds }) => [
      `<code>${named(key.slice(0, SHOWN_KEY))}</code>`,
      text(type),
      text(encoding),
      bytes(size),
      text(server),
      String(db),
      ttlSeconds === null ? 'none' : spanText(ttlSeconds),
    ]),
  );
}

/** Escaped; a name that would be invisible is quoted. */
function named(name: string): string {
  return text(name.trim() === '' ? JSON.stringify(name) : name);
}

function shares(named: readonly (readonly [string, number])[]): string {
  return named.map(([name, share]) => `${text(name)} ${percent(share)}`).join(', ');
}
