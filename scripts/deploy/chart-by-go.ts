// The Helm chart by Go's own template engine and Sprig, beside what the tests' small renderer makes of it: the same manifests,
// or the tests of the chart prove nothing.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { CHART, chartContext, EVERYTHING, renderChart } from '../../test/support/helm-chart.js';

const PROGRAM = fileURLToPath(new URL('render-chart.go', import.meta.url));
const PACKAGES = 'golang-go golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev';

const VALUES = [
  {},
  EVERYTHING,
  { podDisruptionBudget: { enabled: false }, networkPolicy: { enabled: false }, config: { mode: 'enforce' } },
];

/** What the two disagree on; empty: nothing. */
export function chartDifferences(): string[] {
  return VALUES.flatMap((values, i) => {
    const { status, stdout, stderr, error } = spawnSync(
      'go',
      ['run', PROGRAM, path.join(CHART, 'templates')],
      {
        input: JSON.stringify(chartContext(values)),
        encoding: 'utf8',
        env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
      },
    );
    if (status !== 0) return [`go: ${error?.message ?? stderr}; it needs: apt-get install ${PACKAGES}`];
    const byGo = JSON.parse(stdout) as Record<string, string>;
    const ours = renderChart(values);
    const files = [...new Set([...Object.keys(byGo), ...ours.keys()])];
    return files
      .filter((file) => !same(file, byGo[file] ?? '', ours.get(file) ?? ''))
      .map((file) => `values ${i}: ${file}`);
  });
}

function same(file: string, a: string, b: string): boolean {
  if (!file.endsWith('.yaml')) return a === b;
  const [left, right] = [a, b].map((text) =>
    parseAllDocuments(text, { version: '1.1' }).map((each) => each.toJS()),
  );
  return isDeepStrictEqual(left, right);
}
