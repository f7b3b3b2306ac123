// npm run test:deploy: what only the tools themselves can say of deploy/. promtool reads the configs of Prometheus and runs
// alerts.test.yml, in which each alert is seen to fire and to clear, and the alerts on scrapes before real servers;
// a real Prometheus answers each query of the Grafana dashboard; Spillway is installed from a tarball
// by the commands of deploy/README.md, and systemd-analyze verifies that unit; Go renders the Helm chart as the tests' own renderer does.
// Needs all of them; without one this fails and says where it comes from: it never skips.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { alertsOnServers } from './deploy/alerts-on-servers.js';
import { chartDifferences } from './deploy/chart-by-go.js';
import { installFromTarball } from './deploy/install-from-tarball.js';
import { unansweredPanels } from './deploy/panels-on-prometheus.js';

const DEPLOY = fileURLToPath(new URL('../deploy/', import.meta.url));
const PACKAGES: Readonly<Record<string, string>> = { promtool: 'prometheus', 'systemd-analyze': 'systemd' };

const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-unit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
console.log('installing from a tarball, as deploy/README.md says');
const unit = installFromTarball(folder);

const alerts = path.join(DEPLOY, 'prometheus/alerts.yml');
const onServers = path.join(folder, 'on-servers.test.yml');

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['promtool', 'check', 'config', 'prometheus/prometheus.yml'],
  // Its alerts and the token are elsewhere in the container.
  ['promtool', 'check', 'config', '--syntax-only', 'compose/prometheus.yml'],
  ['promtool', 'check', 'rules', 'prometheus/alerts.yml'],
  ['promtool', 'test', 'rules', 'prometheus/alerts.test.yml'],
  ['promtool', 'test', 'rules', onServers],
  ['systemd-analyze', 'verify', '--man=no', unit],
];

writeFileSync(onServers, await alertsOnServers(alerts, readFileSync(alerts, 'utf8')));

for (const [command, ...args] of CHECKS) {
  console.log(`${command} ${args.join(' ')}`);
  const { error, status } = spawnSync(command, args, { cwd: DEPLOY, stdio: 'inherit' });
  if (error) {
    const install = `apt-get install --no-install-recommends ${PACKAGES[command]}`;
    console.error(`${command} is not there (${error.message}); on Debian and Ubuntu it comes by: ${install}`);
  }
  if (status === 0) continue;
  process.exitCode = 1;
  break;
}

console.log('the Helm chart by Go and Sprig');
for (const difference of chartDifferences()) {
  console.error(`rendered otherwise by Go: ${difference}`);
  process.exitCode = 1;
}

if (process.exitCode === undefined) {
  const dashboard = readFileSync(path.join(DEPLOY, 'grafana/spillway.json'), 'utf8');
  for (const query of await unansweredPanels(dashboard)) {
    console.error(`no answer for ${query}`);
    process.exitCode = 1;
  }
}
