// All of Kubernetes' manifests in deploy/: the files, and what the chart renders with its defaults and with everything on.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { chartManifests, EVERYTHING } from './helm-chart.js';

const FOLDER = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));

/** By file; T is what the asking test looks at. */
export function deployManifests<T>(): { readonly file: string; readonly manifests: readonly T[] }[] {
  const files = readdirSync(FOLDER).map((file) => {
    const documents = parseAllDocuments(readFileSync(FOLDER + file, 'utf8'), { version: '1.1' });
    return { file, manifests: documents.map((each) => each.toJS() as T) };
  });
  return [
    ...files,
    { file: 'the chart', manifests: chartManifests() as T[] },
    { file: 'the chart with everything on', manifests: chartManifests(EVERYTHING) as T[] },
  ];
}
