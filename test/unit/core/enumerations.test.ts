// The names of one list stand for different numbers: two of one number would be one thing to the code.
import t from 'tap';
import * as spec from '../../../src/core/commands/spec.js';
import { TtlEffect } from '../../../src/core/policy/key-memory.js';
import * as observer from '../../../src/core/policy/observer.js';
import { Refusal } from '../../../src/core/policy/refusal.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { SizeClass } from '../../../src/core/policy/size-class.js';
import { Spared } from '../../../src/core/policy/spared.js';
import * as options from '../../../src/core/policy/ttl-options.js';
import * as verdict from '../../../src/core/policy/verdict.js';
import { Scan } from '../../../src/core/resp/request-scanner.js';
import { Standing } from '../../../src/core/session/pooling/hold.js';
import { Place } from '../../../src/core/session/pooling/placement.js';
import * as pending from '../../../src/core/session/reply/pending-kind.js';
import { Auth } from '../../../src/core/session/reply/upstream-state.js';
import { Purpose } from '../../../src/core/session/request/follow-ups.js';
import { Flow } from '../../../src/core/session/request/request-feed.js';

const LISTS: Record<string, unknown> = {
  ...{ ...spec, ...observer, ...options, ...verdict, ...pending },
  ...{ TtlEffect, PolicyRefusal: Refusal, Priority, SizeClass, Spared, Scan },
  ...{ Standing, Place, Auth, Purpose, Flow },
};

t.test('no two names of a list have one number', async (t) => {
  let lists = 0;
  for (const [name, list] of Object.entries(LISTS)) {
    if (typeof list !== 'object' || list === null || Array.isArray(list)) continue;
    const values: unknown[] = Object.values(list);
    if (values.length < 2 || !values.every((value) => typeof value === 'number')) continue;
    lists++;
    t.equal(new Set(values).size, values.length, name);
  }
  t.ok(lists > 20, `${lists} lists`);
});
