// The commands of Redis Cluster, on servers that are each a cluster of one node, with all slots, and in good health
// when a case begins; `NODE` stands for the node's own id.
// A case gives back the slots that it takes away, or ends without any: the key behind it has an answer in both.
// A cluster of one has no one to fail over to or to forget: see unable.ts.
import type { Family } from './family.js';

export const cluster: Family = {
  asking: ['ASKING', 'GET k', 'ASKING', 'GET k'],
  'cluster|addslots': [
    'CLUSTER DELSLOTS 0 1; CLUSTER ADDSLOTS 0 1; CLUSTER ADDSLOTS 1; CLUSTER ADDSLOTS 99999',
  ],
  'cluster|addslotsrange': [
    'CLUSTER DELSLOTSRANGE 0 9; CLUSTER ADDSLOTSRANGE 5 6; CLUSTER ADDSLOTSRANGE 6 5',
    'CLUSTER ADDSLOTSRANGE 1 2 3; CLUSTER ADDSLOTSRANGE 0 4 7 9',
  ],
  'cluster|bumpepoch': ['CLUSTER BUMPEPOCH', 'CLUSTER BUMPEPOCH'],
  'cluster|count-failure-reports': [
    'CLUSTER COUNT-FAILURE-REPORTS NODE; CLUSTER COUNT-FAILURE-REPORTS nobody',
  ],
  'cluster|countkeysinslot': [
    'SET k v; CLUSTER KEYSLOT k; CLUSTER COUNTKEYSINSLOT 7629; CLUSTER COUNTKEYSINSLOT 99999; DEL k',
  ],
  'cluster|delslots': [
    'CLUSTER DELSLOTS 1 2; CLUSTER DELSLOTS 1; CLUSTER DELSLOTS 7629; GET k; GET other',
    'CLUSTER ADDSLOTS 1 2 7629',
  ],
  'cluster|delslotsrange': [
    'CLUSTER DELSLOTSRANGE 1 9; CLUSTER DELSLOTSRANGE 1 9; CLUSTER ADDSLOTSRANGE 1 9',
  ],
  'cluster|failover': ['CLUSTER FAILOVER', 'CLUSTER FAILOVER TAKEOVER', 'CLUSTER FAILOVER NOPE'],
  'cluster|flushslots': ['SET k v', 'CLUSTER FLUSHSLOTS', 'DEL k', 'CLUSTER FLUSHSLOTS'],
  'cluster|forget': ['CLUSTER FORGET NODE', 'CLUSTER FORGET nobody'],
  'cluster|getkeysinslot': [
    'SET k v; CLUSTER GETKEYSINSLOT 7629 10; CLUSTER GETKEYSINSLOT 1 10; CLUSTER GETKEYSINSLOT 1 -1',
    'DEL k',
  ],
  'cluster|help': ['CLUSTER HELP'],
  'cluster|info': [
    'CLUSTER INFO; SET k v; MSET a 1 b 2; MSET {t}a 1 {t}b 2; DEL k {t}a {t}b; DEL k; DEL {t}a {t}b',
    'SELECT 1; GET k',
  ],
  'cluster|keyslot': ['CLUSTER KEYSLOT k', 'CLUSTER KEYSLOT {t}k'],
  'cluster|links': ['CLUSTER LINKS'],
  'cluster|meet': [
    'CLUSTER MEET nowhere 1; CLUSTER MEET 127.0.0.1 1; CLUSTER MEET 127.0.0.1 text',
    'CLUSTER MEET 127.0.0.1 1 2 3',
  ],
  'cluster|myid': ['CLUSTER MYID'],
  'cluster|nodes': ['CLUSTER NODES'],
  'cluster|replicas': ['CLUSTER REPLICAS NODE', 'CLUSTER REPLICAS nobody'],
  'cluster|replicate': ['CLUSTER REPLICATE NODE', 'CLUSTER REPLICATE nobody'],
  'cluster|reset': ['CLUSTER RESET', 'CLUSTER RESET SOFT', 'CLUSTER RESET NOPE'],
  'cluster|saveconfig': ['CLUSTER SAVECONFIG'],
  'cluster|set-config-epoch': [
    'CLUSTER RESET HARD; CLUSTER SET-CONFIG-EPOCH 5; CLUSTER SET-CONFIG-EPOCH 6',
    'CLUSTER SET-CONFIG-EPOCH -1',
  ],
  'cluster|setslot': [
    'CLUSTER SETSLOT 1 STABLE; CLUSTER SETSLOT 1 NODE NODE; CLUSTER SETSLOT 1 MIGRATING NODE',
    'CLUSTER SETSLOT 1 NOPE; CLUSTER SETSLOT 1 IMPORTING NODE',
  ],
  'cluster|shards': ['CLUSTER SHARDS'],
  'cluster|slaves': ['CLUSTER SLAVES NODE', 'CLUSTER SLAVES nobody'],
  'cluster|slots': ['CLUSTER SLOTS'],
  readonly: ['READONLY', 'READONLY'],
  readwrite: ['READWRITE'],
};
