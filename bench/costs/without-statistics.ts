// The proxy with nothing counted: what `spillway --config FILE` starts, with an observer that does nothing. For the
// benchmark of what the statistics cost, and for nothing else: it never sheds after an OOM of Redis's own.
import { pino } from 'pino';
import { formatListenAddress } from '../../src/config/address.js';
import { loadConfig } from '../../src/config/load.js';
import type { TrafficObserver } from '../../src/core/policy/observer.js';
import { startProxy } from '../../src/runtime/proxy.js';

const NOTHING: TrafficObserver = {
  onWrite: () => {},
  onShed: () => {},
  onFollowUpReply: () => {},
  onUpstreamOom: () => {},
  onTtlDropped: () => {},
  onSpared: () => {},
  onOwnTtl: () => {},
  onLatency: () => {},
};

const { config } = loadConfig({
  file: process.argv[process.argv.indexOf('--config') + 1],
  env: {},
  flags: {},
});
const log = pino({ level: 'info', base: null });
const proxy = await startProxy(config, log, { observe: () => NOTHING });
process.once('SIGTERM', () => void proxy.stop(0));
const admin = proxy.adminAddress === undefined ? 'off' : formatListenAddress(proxy.adminAddress);
log.info({ listen: formatListenAddress(proxy.address), admin }, 'listening');
