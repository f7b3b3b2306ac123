// The report of `spillway analyze` in a real Chromium: what it draws is what was found.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type { Analysis } from '../../src/tools/analyze/analysis.js';
import { analyze } from '../../src/tools/analyze/analyze.js';
import { reportHtml } from '../../src/tools/analyze/report/page.js';
import { connectServers } from '../../src/tools/keyspace/servers.js';
import { loadDataset } from '../support/dataset.js';
import { withFolder } from '../support/folder.js';
import { withRedis } from '../support/redis.js';
import { launch, openPage } from './open-page.js';

const NAME = 'spillway-test';
/** Of the whole, by rounding to pixels and hundredths. */
const CLOSE = 0.003;

const browser = await launch();
t.teardown(() => browser.close());

async function analysed(): Promise<Analysis> {
  const redis = await withRedis(t, ['--maxmemory', '6mb']);
  const endpoint = { host: '127.0.0.1', port: redis.port, connectTimeoutMs: 5000 };
  await loadDataset(endpoint, { keys: 3000 });
  const servers = await connectServers(endpoint, NAME);
  t.teardown(() => servers.close());
  const whole = {
    db: undefined,
    sample: undefined,
    samples: undefined,
    maxRate: undefined,
    rules: undefined,
  };
  return analyze(servers, { ...whole, name: NAME, biggest: 3, signal: new AbortController().signal });
}

const analysis = await analysed();
const folder = withFolder(t, 'spillway-report-');
const file = path.join(folder, 'report.html');
writeFileSync(file, reportHtml(analysis));

t.test('bars and columns are as long as their figures', async (t) => {
  const { page, complaints } = await openPage(t, browser, pathToFileURL(file), {
    viewport: { width: 1200, height: 900 },
  });
  const drawn = await page.evaluate(() => ({
    memory: [...document.querySelectorAll('.wide-bar > *')].map(
      (slice) =>
        slice.getBoundingClientRect().width / (slice.parentElement?.getBoundingClientRect().width ?? 0),
    ),
    freed: [...document.querySelectorAll('.column')].map((each) =>
      [...each.children].reduce(
        (sum, slice) => sum + slice.getBoundingClientRect().height / each.getBoundingClientRect().height,
        0,
      ),
    ),
    legend: document.querySelectorAll('.legend li').length,
    rows: document.querySelectorAll('table')[0]?.tBodies[0]?.rows.length,
  }));
  const { memory, groups } = analysis;
  const near = (found: number, wanted: number, what: string) =>
    t.ok(Math.abs(found - wanted) < CLOSE, `${what}: ${found} is ${wanted}`);
  near(drawn.memory[0] ?? 0, (groups[0]?.bytes.estimate ?? 0) / memory.limitBytes, 'the largest group');
  near(drawn.memory.at(-1) ?? 0, 1 - memory.usedBytes / memory.limitBytes, 'what is free');
  near(
    drawn.memory.reduce((sum, share) => sum + share, 0),
    1,
    'all of it',
  );
  t.equal(drawn.legend, drawn.memory.length);
  t.equal(drawn.rows, groups.length);
  const withoutTtl = groups.reduce((sum, { withoutTtlBytes }) => sum + withoutTtlBytes, 0);
  near(drawn.freed.at(-1) ?? 0, 1 - withoutTtl / memory.keyBytes.estimate, 'what ends at all');
  t.same(
    drawn.freed,
    [...drawn.freed].sort((a, b) => a - b),
    'what has ended stays so',
  );
  t.same(complaints, []);
});

t.test('in a narrow window tables scroll, not the page', async (t) => {
  const viewport = { width: 360, height: 800 };
  const { page, complaints } = await openPage(t, browser, pathToFileURL(file), { viewport });
  const [whole, table] = await page.evaluate(() =>
    [document.documentElement, document.querySelector('.wide')].map((each) =>
      each === null ? 0 : each.scrollWidth - each.clientWidth,
    ),
  );
  t.equal(whole, 0);
  t.ok((table ?? 0) > 0);
  t.same(complaints, []);
});
