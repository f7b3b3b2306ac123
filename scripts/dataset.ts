// npm run dataset: fills a Redis with a keyspace as applications leave them, to try the tools on.
import { Command } from 'commander';
import { Progress } from '../src/cli/terminal/progress.js';
import { parseUpstreamUrl } from '../src/config/upstream-url.js';
import { connectServers, databasesOf } from '../src/tools/keyspace/servers.js';
import { loadDataset } from '../test/support/dataset.js';

const program = new Command('npm run dataset --')
  .description('Fills an empty Redis with keys of all types, the same ones for the same seed.')
  .option('-u, --upstream <url>', 'the server', 'redis://127.0.0.1:6379')
  .option('--keys <number>', 'how many', '1000000')
  .option('--seed <number>', 'another one: other keys', '1')
  .option('--force', 'though the server holds keys')
  .parse();
const { upstream, keys, seed, force } = program.opts<Record<string, string>>();
const endpoint = { ...parseUpstreamUrl(upstream as string), tls: undefined, connectTimeoutMs: 5000 };
const servers = await connectServers(endpoint, 'spillway-dataset');
try {
  const held = (await databasesOf(servers.all[0])).reduce((sum, database) => sum + database.keys, 0);
  if (held > 0 && !force)
    program.error(`error: the server holds ${held} keys; --force writes into it all the same`);
  const progress = new Progress({ stream: process.stderr, unit: 'keys' });
  progress.begin('dataset', Number(keys));
  let shown = 0;
  const written = await loadDataset(endpoint, {
    keys: Number(keys),
    seed: Number(seed),
    db: endpoint.db ?? 0,
    onProgress(done) {
      progress.advance(done - shown);
      shown = done;
    },
  });
  progress.close();
  for (const { pattern, type, keys: count, withoutTtl } of written) {
    console.log(
      `${pattern.padEnd(16)} ${type.padEnd(7)} ${String(count).padStart(9)} keys, ${withoutTtl} without a TTL`,
    );
  }
} finally {
  servers.close();
}
