// The one list of the tiers. What is named nowhere here runs in `npm test`: a new file lands there by itself.
// Rules that need no list: a file of conformance, integration or robustness runs once for each kind of pooling, the second
// time in `npm run test:rest`, unless it plays both by itself (it names POOLS). A file that asks support/tier.ts plays a
// cut in `npm test`, and everything in the rest.
// Paths are those below test/; one that ends in "/" names the folder.

/** Run by `npm run test:rest` alone; the longest first. */
export const REST: readonly string[] = [
  'tools/sweep-faults.test.ts',
  'integration/failover-planned.test.ts',
  'integration/failover-pause-server.test.ts',
  'integration/failover-follower.test.ts',
  'robustness/info.test.ts',
  'robustness/victims.test.ts',
  'robustness/evictions.test.ts',
  'integration/holds-steady.test.ts',
  'tools/oom-now.test.ts',
  'robustness/bounds-readers.test.ts',
  'robustness/bounds-crowds.test.ts',
  'robustness/drain.test.ts',
  'conformance/random-sessions.test.ts',
  'conformance/clients/node-redis.test.ts',
  'robustness/bounds-large.test.ts',
  'robustness/links-cut.test.ts',
  'robustness/links-still.test.ts',
  'robustness/links-rough.test.ts',
  'robustness/moving.test.ts',
  'robustness/outages.test.ts',
  'conformance/clients/redis-benchmark.test.ts',
  'conformance/clients/bullmq.test.ts',
  'conformance/jobs.test.ts',
  'robustness/servers-refusing.test.ts',
  'robustness/limits-clients.test.ts',
  'robustness/memory-monitor.test.ts',
  'robustness/clock.test.ts',
  'robustness/server-clock.test.ts',
  'integration/failover.test.ts',
  'integration/failover-name.test.ts',
  'integration/failover-guarded.test.ts',
  'integration/failover-minority.test.ts',
  'integration/evict.test.ts',
  'integration/evict-scan.test.ts',
  'integration/evict-libraries.test.ts',
  'integration/shed-between-readings.test.ts',
  'integration/committed.test.ts',
  'robustness/log-destinations.test.ts',
  'robustness/open-files.test.ts',
  'integration/gone-clients.test.ts',
  'integration/demo.test.ts',
  'integration/exit-codes.test.ts',
  'integration/pooling-clients.test.ts',
  'integration/cli-ask.test.ts',
  'tools/sweep-job.test.ts',
  'integration/alerts.test.ts',
  'integration/own-ttls.test.ts',
  'integration/cluster-recipes.test.ts',
  'integration/upstream-kind.test.ts',
  'integration/proxy-count.test.ts',
  'integration/budgets.test.ts',
  'integration/evict-budget.test.ts',
  'integration/limits.test.ts',
  'integration/holds.test.ts',
  'integration/pooling-lanes.test.ts',
  'integration/console.test.ts',
  'robustness/links.test.ts',
  'tools/keyspace.test.ts',
  'integration/explain.test.ts',
  'robustness/fuzz-sockets.test.ts',
  'tools/doctor-healthy.test.ts',
  'integration/shed-tags.test.ts',
  'tools/sweep-memory.test.ts',
  'tools/doctor-commands.test.ts',
  'robustness/servers-starting.test.ts',
  'integration/reserve.test.ts',
  'robustness/servers-slow.test.ts',
  'integration/job-commands.test.ts',
  'conformance/clients/redis-cli.test.ts',
  'integration/cli-top.test.ts',
  'robustness/bounds-endless.test.ts',
  'integration/advice.test.ts',
  'integration/rules-by-database.test.ts',
  'integration/deploy.test.ts',
];

/** Run by `npm test` with command pooling, too: with session pooling, these go through every part of the proxy. */
export const POOLED_IN_FAST: readonly string[] = [
  'conformance/pipelines.test.ts',
  'integration/framing.test.ts',
  'robustness/bounds-refusals.test.ts',
];

/** Files that play only a cut with command pooling: they take long, and little of them depends on it. */
export const CUT_POOLED: readonly string[] = ['integration/workers.test.ts'];

/** Files that one kind of pooling is enough for: they choose it themselves, or it makes no difference. */
export const ONE_POOLING: readonly string[] = [
  'integration/admin-live.test.ts',
  'integration/advice.test.ts',
  'integration/alerts.test.ts',
  'integration/check-name.test.ts',
  'integration/check-sentinels.test.ts',
  'integration/cli-ask.test.ts',
  'integration/cli-top.test.ts',
  'integration/cli.test.ts',
  'integration/client-errors.test.ts',
  'integration/committed.test.ts',
  'integration/gone-clients.test.ts',
  'integration/demo.test.ts',
  'integration/deploy.test.ts',
  'integration/docs.test.ts',
  'integration/embedding.test.ts',
  'integration/evict-budget-room.test.ts',
  'integration/evict-faults.test.ts',
  'integration/exit-codes.test.ts',
  'integration/explain.test.ts',
  'integration/failover-follower.test.ts',
  'integration/failover-guarded.test.ts',
  'integration/failover-minority.test.ts',
  'integration/failover-planned.test.ts',
  'integration/keep-alive.test.ts',
  'integration/monitor-log.test.ts',
  'integration/monitor-moved.test.ts',
  'integration/pooling-clients.test.ts',
  'integration/pooling-lanes.test.ts',
  'integration/pooling-readers.test.ts',
  'integration/pooling.test.ts',
  'integration/promql.test.ts',
  'integration/proxy-count.test.ts',
  'integration/scripted-redis.test.ts',
  'integration/sentinel-endpoint.test.ts',
  'integration/upstream-kind.test.ts',
  'robustness/fuzz.test.ts',
  'robustness/links-ledger.test.ts',
  'robustness/log-destinations.test.ts',
  'robustness/memory-monitor.test.ts',
  'robustness/open-files.test.ts',
];

/** Run again by TLS and by unix sockets, in the rest. */
export const BY_TRANSPORT: readonly string[] = [
  'conformance/pipelines.test.ts',
  'conformance/scenarios.test.ts',
];

/** The page that `npm test` opens where there is a Chromium. */
export const BROWSER_IN_FAST: readonly string[] = ['browser/report.test.ts'];

/** Files that judge times or memory: they run when nothing else does. */
export const ALONE: readonly string[] = ['robustness/bounds-large.test.ts'];
