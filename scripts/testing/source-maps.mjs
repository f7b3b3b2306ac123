// For the process of a bundled test: a position in the bundle is looked up in the map beside it, when something has failed.
// `node --enable-source-maps` would read and decode the whole map at each start, which takes longer than many a test.
import { existsSync, readFileSync } from 'node:fs';
import module, { SourceMap, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const maps = new Map();

/** @param {string} file a path or a URL */
function mapOf(file) {
  const name = file.startsWith('file:') ? fileURLToPath(file) : file;
  if (!maps.has(name)) maps.set(name, read(`${name}.map`));
  return maps.get(name);
}

// In place of Node's own, which tap asks where an assertion stands.
module.findSourceMap = mapOf;
syncBuiltinESMExports();

Error.prepareStackTrace = (error, sites) =>
  [`${error}`, ...sites.map((site) => `    at ${siteText(site)}`)].join('\n');

function siteText(site) {
  const text = String(site);
  const file = site.getFileName();
  const origin = file && mapOf(file)?.findOrigin(site.getLineNumber(), site.getColumnNumber());
  if (!origin?.fileName) return text;
  const place = `${fileURLToPath(origin.fileName)}:${origin.lineNumber}:${origin.columnNumber}`;
  return text.endsWith(')') ? `${text.slice(0, text.lastIndexOf('('))}(${place})` : place;
}

function read(file) {
  if (!path.isAbsolute(file) || !existsSync(file)) return undefined;
  const map = JSON.parse(readFileSync(file, 'utf8'));
  const sources = map.sources.map((source) => new URL(source, pathToFileURL(file)).href);
  return new SourceMap({ ...map, sources });
}
