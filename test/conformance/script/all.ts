// The whole script: every family, in the order in which it is run and reported.
import { cluster } from './cluster.js';
import { hashes, lists, sets } from './collections.js';
import { connection } from './connection.js';
import type { Family } from './family.js';
import { generic } from './generic.js';
import { pubsub, transactions } from './messaging.js';
import { scripting } from './scripting.js';
import { server } from './server.js';
import { geo, sortedSets } from './sorted-sets.js';
import { streams } from './streams.js';
import { bitmaps, hyperloglogs, strings } from './strings.js';

export interface ScriptPart {
  readonly name: string;
  readonly family: Family;
  /** Runs on servers that are clusters of one. */
  readonly clustered?: true;
}

/** `otherPort`: of a server besides those that are compared. */
export function script(otherPort: number): readonly ScriptPart[] {
  return [
    { name: 'strings', family: strings },
    { name: 'bitmaps', family: bitmaps },
    { name: 'hyperloglogs', family: hyperloglogs },
    { name: 'lists', family: lists },
    { name: 'hashes', family: hashes },
    { name: 'sets', family: sets },
    { name: 'sorted sets', family: sortedSets },
    { name: 'geo', family: geo },
    { name: 'streams', family: streams },
    { name: 'keys', family: generic(otherPort) },
    { name: 'pub/sub', family: pubsub },
    { name: 'transactions', family: transactions },
    { name: 'scripts and functions', family: scripting },
    { name: 'connection', family: connection },
    { name: 'server', family: server },
    { name: 'cluster', family: cluster, clustered: true },
  ];
}
