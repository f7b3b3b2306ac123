// npm run test:alerts: Prometheus's own promtool reads deploy/prometheus and runs alerts.test.yml, in which each alert is
// seen to fire and not to fire. Needs promtool; without it this fails and says where it comes from: it never skips.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../deploy/prometheus/', import.meta.url));
const CHECKS = [
  ['check', 'config', 'prometheus.yml'],
  ['check', 'rules', 'alerts.yml'],
  ['test', 'rules', 'alerts.test.yml'],
];

for (const args of CHECKS) {
  const { error, status } = spawnSync('promtool', args, { cwd: FOLDER, stdio: 'inherit' });
  if (error) {
    console.error(
      'promtool is not there (%s): it comes with Prometheus, on Debian and Ubuntu with `apt-get install --no-install-recommends prometheus`.',
      error.message,
    );
  }
  if (status !== 0) {
    process.exitCode = 1;
    break;
  }
}
