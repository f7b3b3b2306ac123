import { test } from 'tap';
import { type PrimaryAddress, sameAddress, type Whereabouts } from '../../../src/failover/whereabouts.js';

const HERE: PrimaryAddress = { host: '10.0.0.1', port: 6379 };

test('the same address is the same host and port; an unknown one is the same as none', (t) => {
  const unknown: Whereabouts['address'] = undefined;
  t.equal(sameAddress(HERE, { ...HERE }), true);
  t.equal(sameAddress(HERE, { ...HERE, port: 6380 }), false);
  t.equal(sameAddress(HERE, { ...HERE, host: '10.0.0.2' }), false);
  t.equal(sameAddress(unknown, HERE), false);
  t.equal(sameAddress(unknown, unknown), false);
  t.end();
});
