// A rule with a budget, written by several workers: whatever order their reports come in, and however many keys they write
// between two of them, once all is quiet the primary knows what the keys hold.
import { mock } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { Lifetime } from '../../../src/core/policy/held-keys.js';
import { Quotas } from '../../../src/core/policy/quota.js';
import { Budgets } from '../../../src/memory/budgets.js';
import type { Question } from '../../../src/memory/question.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';
import type { QuotaNews, QuotaReport } from '../../../src/runtime/workers/messages.js';
import { SharedQuotas } from '../../../src/runtime/workers/shared-quotas.js';
import { TotalQuotas } from '../../../src/runtime/workers/total-quotas.js';

const CONFIG = compileConfig(
  configSchema.parse({ rules: [{ name: 'run', match: 'run:*', durable: true, budget: '1gb' }] }),
);
const SLOT = CONFIG.rules[0].slot;
const BYTES = 100;
const LOOK_MS = 50;

/** What the server answers: each key holds BYTES. */
class Server {
  readonly keys = new Set<string>();
  private pages: string[][] = [];

  ask = async (questions: readonly Question[]): Promise<[null, unknown][]> =>
    questions.map((question) => [null, this.answer(question)]);

  private answer([name, ...args]: Question): unknown {
    switch (name) {
      case 'info':
        return `db0:keys=${this.keys.size},expires=0,avg_ttl=0\r\n`;
      case 'memory':
        return this.keys.has(String(args[1])) ? BYTES : null;
      case 'pttl':
        return this.keys.has(String(args[0])) ? -1 : -2;
      case 'scanBuffer':
        return this.page(Number(args[0]));
      default:
        return 'OK';
    }
  }

  /** Keys that are there from its beginning to its end are all in it. */
  private page(cursor: number): [string, Buffer[]] {
    if (cursor === 0) {
      const all = [...this.keys];
      this.pages = Array.from({ length: Math.ceil(all.length / 500) }, (_, i) =>
        all.slice(i * 500, (i + 1) * 500),
      );
    }
    const next = cursor + 1 < this.pages.length ? cursor + 1 : 0;
    return [String(next), (this.pages[cursor] ?? []).map((key) => Buffer.from(key))];
  }
}

class Worker {
  readonly quotas = new Quotas(2);
  readonly shared: SharedQuotas;
  up: QuotaReport | undefined;
  down: QuotaNews | undefined;

  constructor() {
    this.quotas.adopt(CONFIG.rules);
    this.shared = new SharedQuotas(this.quotas, 2);
  }

  set(name: string): void {
    const key = Buffer.from(name);
    const hash = hashKey(key, 0, key.length);
    this.quotas.of(SLOT)?.keys?.replaced(key, 0, key.length, hash, BYTES - 50, Lifetime.NONE);
  }

  delete(name: string): void {
    const key = Buffer.from(name);
    this.quotas.of(SLOT)?.keys?.ended(key, 0, key.length, hashKey(key, 0, key.length));
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('set' as const), worker: fc.nat(1), most: fc.nat(6000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), worker: fc.nat(1), most: fc.nat(500) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tell' as const), worker: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), worker: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), worker: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), looks: fc.nat(30) }) },
);

t.test(
  'what all workers wrote is known once all is quiet, also beyond what fits into a report',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] });
    t.teardown(() => mock.timers.reset());
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let now = 1000;
        const server = new Server();
        const quotas = new Quotas();
        quotas.adopt(CONFIG.rules);
        const budgets = new Budgets(ruleSetOf(CONFIG), {
          ...{ quotas, limitBytes: () => 0, ask: server.ask, clock: () => now },
          log: pino({ level: 'silent' }),
        });
        budgets.adopt(ruleSetOf(CONFIG));
        const total = new TotalQuotas(quotas);
        const workers = [new Worker(), new Worker()];
        for (const worker of workers) total.welcome(worker);
        const pass = async (looks: number): Promise<void> => {
          for (let i = 0; i < looks; i++) {
            now += LOOK_MS;
            mock.timers.tick(LOOK_MS);
            for (let turn = 0; turn < 8; turn++) await undefined;
          }
        };
        const exchange = (worker: Worker, what: 'tell' | 'answer' | 'hear'): void => {
          if (what === 'tell') worker.up ??= worker.shared.tell();
          else if (what === 'answer' && worker.up !== undefined) {
            worker.down = total.hear(worker, worker.up);
            worker.up = undefined;
          } else if (what === 'hear' && worker.down !== undefined) {
            worker.shared.hear(worker.down);
            worker.down = undefined;
          }
        };
        let last = 0;
        for (const each of steps) {
          if (each.kind === 'pass') await pass(each.looks);
          else if (each.kind === 'set') {
            for (let i = 0; i < each.most; i++) {
              const name = `run:${last++}`;
              server.keys.add(name);
              workers[each.worker].set(name);
            }
          } else if (each.kind === 'delete') {
            for (const name of [...server.keys].slice(0, each.most)) {
              server.keys.delete(name);
              workers[each.worker].delete(name);
            }
          } else exchange(workers[each.worker], each.kind);
        }
        for (const worker of workers) {
          for (let i = 0; i < 2; i++)
            for (const what of ['hear', 'tell', 'answer', 'hear'] as const) exchange(worker, what);
        }
        await pass(600);
        budgets.close();
        const truth = server.keys.size * BYTES;
        const off = Math.abs(budgets.snapshot()[0].heldBytes - truth);
        if (off > 0.12 * truth)
          throw new Error(`${budgets.snapshot()[0].heldBytes} held, ${truth} on the server`);
      }),
      { numRuns: 60, seed: 7 },
    );
    t.pass();
  },
);
