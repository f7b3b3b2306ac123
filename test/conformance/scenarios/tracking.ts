// Client tracking in all its modes: whose writes invalidate what, where the message goes, and when it stops.
// Follow-ups are writes of their own and would be told, too: keys are created before they are tracked, or by SET.
import { commands } from '../../support/twins.js';
import { ownId, type Scenario, type Scenarios } from '../scenario.js';

/** Tracking as `options` say; another client writes, and the tracker writes itself. */
const mode =
  (options: string, caching?: 'YES' | 'NO'): Scenario =>
  async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await b.call('RPUSH', 't:a', 1), await b.call('RPUSH', 't:b', 1)];
    seen.push(await a.call('CLIENT', 'TRACKING', 'ON', ...options.split(' ').filter((word) => word !== '')));
    seen.push(await a.call('CLIENT', 'TRACKINGINFO'));
    for (let i = 0; i < 5; i++) {
      if (caching !== undefined) seen.push(await a.call('CLIENT', 'CACHING', caching));
      seen.push(await a.call('LLEN', 't:a'), await a.call('LLEN', 't:b'));
      seen.push(await b.call('LSET', 't:a', 0, i), await b.call('LSET', 'none', 0, i));
      void a.write(commands('LSET t:b 0 x', 'PING'));
      // However many invalidations come, and wherever between the two replies they stand.
      for (let pongs = 0; pongs === 0; ) {
        const [reply] = await a.readReplies(1);
        seen.push(reply);
        if (String(reply) === '+PONG\r\n') pongs++;
      }
    }
    void a.write(commands('CLIENT TRACKING OFF', 'LSET t:a 0 z', 'CLIENT TRACKINGINFO', 'QUIT'));
    return [...seen, await a.readUntilClosed()];
  };

export const tracking: Scenarios = {
  'tracking, default': mode(''),
  'tracking, NOLOOP': mode('NOLOOP'),
  'tracking, OPTIN without CACHING': mode('OPTIN'),
  'tracking, OPTIN with CACHING YES': mode('OPTIN', 'YES'),
  'tracking, OPTIN with CACHING NO': mode('OPTIN', 'NO'),
  'tracking, OPTOUT without CACHING': mode('OPTOUT'),
  'tracking, OPTOUT with CACHING NO': mode('OPTOUT', 'NO'),
  'tracking, BCAST': mode('BCAST'),
  'tracking, BCAST with a prefix': mode('BCAST PREFIX t:a'),
  'tracking, BCAST with prefixes and NOLOOP': mode('BCAST PREFIX t:a PREFIX t:b NOLOOP'),
  'tracking, BCAST with a prefix that nothing has': mode('BCAST PREFIX u:'),

  'invalidations while another writes': async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await a.call('CLIENT', 'TRACKING', 'ON')];
    for (let i = 0; i < 10; i++) {
      seen.push(await b.call('SET', 'k', i), await a.call('GET', 'k'), await b.call('SET', 'k', 'new'));
      seen.push(...(await a.readReplies(1)), await a.call('SETNX', `n${i}`, 1));
    }
    return seen;
  },

  'invalidations of a prefix': async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await a.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 't:')];
    for (let i = 0; i < 5; i++) {
      seen.push(await b.call('SET', `t:${i}`, 1), ...(await a.readReplies(1)));
      seen.push(await b.call('SET', `u:${i}`, 1), await a.call('GET', `u:${i}`));
    }
    return seen;
  },

  'invalidations redirected to a RESP2 subscriber': async (open) => {
    const [a, b] = [await open(), await open()];
    const id = await ownId(b);
    const seen = [await b.call('SUBSCRIBE', '__redis__:invalidate')];
    seen.push(await a.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), await a.call('GET', 'k'));
    return [...seen, await a.call('SET', 'k', 1), ...(await b.readReplies(1)), await b.call('PING')];
  },

  'invalidations redirected to RESP3, until that connection goes': async (open) => {
    const [a, b, writer] = [await open(3), await open(3), await open()];
    const id = await ownId(b);
    const seen: (Buffer | string)[] = [await a.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)];
    seen.push(await a.call('GET', 'k'), await writer.call('SET', 'k', 1), ...(await b.readReplies(1)));
    seen.push(
      await a.call('GET', 'k'),
      await writer.call('CLIENT', 'KILL', 'ID', id),
      await b.readUntilClosed(),
    );
    // The server tells the tracker that its redirection is broken.
    seen.push(await writer.call('SET', 'k', 2));
    const [told] = await a.readReplies(1);
    return [...seen, String(told).replace(id, 'ID'), await a.call('PING')];
  },

  'FLUSHALL invalidates everything': async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await a.call('CLIENT', 'TRACKING', 'ON'), await a.call('GET', 'k')];
    return [...seen, await b.call('FLUSHALL'), ...(await a.readReplies(1)), await a.call('GET', 'k')];
  },

  'invalidations among the replies of a transaction': async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await a.call('CLIENT', 'TRACKING', 'ON'), await a.call('GET', 'k'), await a.call('MULTI')];
    seen.push(await b.call('RPUSH', 'k', 1), ...(await a.readReplies(1)), await a.call('LLEN', 'k'));
    void a.write(commands('EXEC'));
    seen.push(...(await a.readReplies(1)), await b.call('LSET', 'k', 0, 2), ...(await a.readReplies(1)));
    return [...seen, await a.call('PING')];
  },
};
