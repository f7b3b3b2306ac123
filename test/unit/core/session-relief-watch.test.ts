// What the gate hears of commands that may free memory: when one goes up, when it is answered, and in a transaction of EXEC.
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { ShedGate } from '../../../src/core/policy/shed.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { PendingQueue } from '../../../src/core/session/reply/pending-queue.js';
import { ReliefWatch } from '../../../src/core/session/request/relief-watch.js';
import { cmd } from '../../support/session-lab.js';

const table = defaultCommandTable();

function lab(sheds = false) {
  const gate = new ShedGate();
  gate.byKey = sheds;
  const heard: string[] = [];
  gate.onRelief = (answered) => heard.push(answered ? 'answered' : 'sent');
  const queue = new PendingQueue();
  const watch = new ReliefWatch(gate, queue);
  return {
    ...{ gate, queue, watch },
    /** What the gate has heard since the last call. */
    heard: () => heard.splice(0).join(),
    send(line: string, inMulti = false) {
      const args = new RequestScanner();
      const buf = Buffer.from(cmd(...line.split(' ')), 'latin1');
      args.scan(buf, 0, buf.length);
      const spec = table.find(buf, args.starts[0], args.ends[0]);
      if (spec === undefined) throw new Error('no such command');
      queue.push(Pending.PASS);
      if (spec.eases) watch.forwarded(spec, args, inMulti);
    },
    answer(count = 1) {
      queue.pop(count);
      watch.settle();
    },
  };
}

t.test('by its name, or by its first word', async (t) => {
  const { send, answer, heard, gate } = lab();
  for (const line of [
    'FLUSHALL',
    'FLUSHDB ASYNC',
    'CONFIG SET maxmemory 1',
    'script flush',
    'MEMORY PURGE',
  ]) {
    send(line);
    t.equal(heard(), 'sent', line);
    answer();
    t.equal(heard(), 'answered', line);
    t.equal(gate.reliefsAnswered, gate.reliefs);
  }
  for (const line of [
    'CONFIG GET maxmemory',
    'CONFIG GET SET',
    'SCRIPT LOAD flush',
    'MEMORY USAGE purge',
    'MEMORY',
  ]) {
    send(line);
    answer();
    t.equal(heard(), '', line);
  }
});

t.test('those of a pipeline count as answered once all are', async (t) => {
  const { send, answer, heard, gate, watch } = lab();
  send('FLUSHALL');
  send('GET a');
  send('FLUSHDB');
  t.same([heard(), gate.reliefs, gate.reliefsAnswered], ['sent,sent', 2, 0]);
  answer(2);
  t.equal(heard(), '');
  answer();
  t.same([heard(), gate.reliefs, gate.reliefsAnswered], ['answered', 2, 2]);
  watch.settle();
  t.equal(heard(), '', 'and once only');
});

t.test('in a transaction EXEC counts, and only if there was one', async (t) => {
  const { send, answer, heard, gate } = lab();
  send('FLUSHALL', true);
  t.equal(heard(), '');
  send('EXEC', true);
  t.equal(heard(), 'sent');
  answer(2);
  t.equal(heard(), 'answered');
  send('EXEC', true);
  answer();
  t.equal(heard(), '', 'the next one');
  t.equal(gate.reliefs, 1);
});

t.test('a client that is gone is not waited for', async (t) => {
  const gone = lab();
  gone.send('FLUSHALL');
  gone.heard();
  gone.watch.close();
  t.equal(gone.heard(), 'answered');
  t.equal(gone.gate.reliefsAnswered, 1);
  gone.watch.close();
  t.equal(gone.heard(), '');
  const idle = lab();
  idle.watch.close();
  t.equal(idle.heard(), '', 'nothing was under way');
});

t.test('what frees keys is looked after while keys are refused', async (t) => {
  for (const sheds of [false, true]) {
    const { send, answer, heard, gate } = lab(sheds);
    send('DEL a');
    t.equal(heard(), '');
    answer();
    t.equal(heard(), sheds ? 'answered' : '');
    t.equal(gate.reliefs, 0);
  }
});
