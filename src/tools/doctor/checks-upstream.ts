// Checks what the server is against what the config expects of it.
import { kindTrouble, nameOfKind, upstreamKindOf } from '../../memory/upstream-kind.js';
import type { Check } from './finding.js';

export const UPSTREAM_CHECKS: readonly Check[] = [
  {
    id: 'upstream-kind',
    run({ info, expect }) {
      const kind = upstreamKindOf(info, info);
      const trouble = expect && kindTrouble(kind, expect);
      if (expect === undefined || trouble === undefined) return undefined;
      return {
        severity: 'warning',
        title: `The server is ${nameOfKind(kind)}`,
        evidence: `redis_mode ${kind.mode}, role ${kind.role}; upstream.expect is "${expect}"`,
        reason: `A proxy with this config says: ${trouble}.`,
        mend: [
          '# change upstream.url or upstream.expect in the configuration; docs/CLUSTER.md shows what to set for each kind of server',
        ],
      };
    },
  },
];
