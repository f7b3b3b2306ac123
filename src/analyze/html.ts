// An analysis as one page that needs nothing else: no script, no font, no network. Pure.
// Invariant: whatever comes from a key or a server is escaped; bars are elements with a width, so there is no SVG to break.
import type { Analysis, GroupAnalysis } from './analysis.js';

const SHOWN_GROUPS = 50;

export function reportHtml(analysis: Analysis): string {
  const { at, servers, keys, memory, partial, sampled } = analysis;
  const how =
    sampled || partial ? 'Estimated from a part of the keys; bounds hold nineteen times of twenty.' : '';
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
<p>${text(at)} · ${count(keys.looked)} of ${count(keys.total)} keys · used ${bytes(memory.usedBytes)}${
    memory.limitBytes > 0 ? ` of ${bytes(memory.limitBytes)}` : ', no maxmemory'
  } · keys ${bytes(memory.keyBytes.estimate)} · other ${bytes(memory.otherBytes)}</p>
${partial ? '<p class="warn">Ended before it was done.</p>' : ''}<p>${how}</p>
<h2>By pattern</h2>
${table(
  ['group', 'keys', 'bytes', '', 'share', 'average', 'largest', 'no TTL'],
  analysis.groups.slice(0, SHOWN_GROUPS).map((group) => groupRow(group, analysis)),
)}
<h2>Memory to be freed over time</h2>
${table(['ends within', 'keys', 'bytes', 'freed by then', ''], ttlRows(analysis))}
<h2>TTL coverage</h2>
${table(
  ['group', 'with a TTL', ''],
  analysis.groups.slice(0, SHOWN_GROUPS).map((group) => {
    const covered = 1 - ratio(group.withoutTtl.estimate, group.keys.estimate);
    return [text(group.name), percent(covered), bar(covered)];
  }),
)}
<h2>Types, encodings, idle</h2>
<p>From a part of the keys.</p>
${table(
  ['group', 'types', 'encodings', 'idle'],
  analysis.groups.slice(0, SHOWN_GROUPS).map(({ name, types, encodings, idle }) => {
    const times = Object.fromEntries(
      idle.filter(({ share }) => share > 0).map(({ band, share }) => [band, share]),
    );
    return [text(name), shares(types), shares(encodings), shares(times)];
  }),
)}
<h2>Biggest keys</h2>
${table(['key', 'type', 'encoding', 'bytes', 'server', 'db', 'TTL'], biggestRows(analysis))}
${analysis.notes.map((note) => `<p class="warn">${text(note)}</p>`).join('\n')}
</body>
</html>
`;
}

function groupRow(group: GroupAnalysis, { sampled, partial }: Analysis): string[] {
  const { name, by, share, averageBytes, largestBytes, withoutTtl, keys } = group;
  const bounds =
    sampled || partial ? `<br><small>${bytes(group.bytes.low)} – ${bytes(group.bytes.high)}</small>` : '';
  return [
    `${text(name)}${by === 'rule' ? ' <small>rule</small>' : ''}`,
    count(Math.round(keys.estimate)),
    `${bytes(group.bytes.estimate)}${bounds}`,
    bar(share),
    percent(share),
    bytes(averageBytes),
    bytes(largestBytes),
    percent(ratio(withoutTtl.estimate, keys.estimate)),
  ];
}

function ttlRows({ groups, memory }: Analysis): string[][] {
  let freed = 0;
  return (groups[0]?.ttl ?? []).map(({ band }, i) => {
    const sum = (of: 'keys' | 'bytes') => groups.reduce((total, { ttl }) => total + (ttl[i]?.[of] ?? 0), 0);
    freed += sum('bytes');
    const share = ratio(freed, memory.keyBytes.estimate);
    return [text(band), count(Math.round(sum('keys'))), bytes(sum('bytes')), percent(share), bar(share)];
  });
}

function biggestRows({ biggest }: Analysis): string[][] {
  return Object.entries(biggest).flatMap(([type, list]) =>
    list.map(({ key, encoding, bytes: size, server, db, ttlSeconds }) => [
      `<code>${text(key.slice(0, 200))}</code>`,
      text(type),
      text(encoding),
      bytes(size),
      text(server),
      String(db),
      ttlSeconds === null ? 'none' : `${count(Math.round(ttlSeconds))} s`,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${cell}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<div class="wide"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

function bar(share: number): string {
  const width = Math.max(0, Math.min(100, share * 100)).toFixed(1);
  return `<span class="bar" role="img" aria-label="${width} %"><span style="width:${width}%"></span></span>`;
}

function shares(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, share]) => `${text(name)} ${percent(share)}`)
    .join(', ');
}

function text(value: string): string {
  const visible = value.replace(
    /\p{C}/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return visible.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

function bytes(value: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${(value / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

const STYLE = `
:root { color-scheme: light dark; --bar: #2f6fdf; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; white-space: normal; }
.bar { display: inline-block; width: 10rem; height: .8rem; background: var(--line); border-radius: 2px; }
.bar span { display: block; height: 100%; background: var(--bar); border-radius: 2px; }
.warn { border-left: 4px solid #c60; padding-left: .6rem; }
small { opacity: .75; }
`;
