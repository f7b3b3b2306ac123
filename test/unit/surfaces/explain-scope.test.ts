// What is explained of a key depends on the database and the user of who writes it, where rules name these.
import t from 'tap';
import { checkConfig } from '../../../src/config/check.js';
import { compileConfig } from '../../../src/config/compile.js';
import { Explainer } from '../../../src/runtime/explainer.js';
import { readExplainQuery } from '../../../src/surfaces/admin/explain-query.js';

const explainer = new Explainer(
  compileConfig(
    checkConfig({
      rules: [
        { name: 'cache', db: 1, ttl: '1h' },
        { name: 'app', user: ['app', 'größe'], match: 'x*', ttl: '2h' },
        { name: 'rest', match: '*', durable: true },
      ],
    }),
  ),
);

function ruleOf(
  key: string,
  db?: number,
  user?: string,
  command: readonly string[] = [],
): string | undefined {
  return explainer.explain({ key, command, db, user }).keys[0]?.rule?.name;
}

t.test('the rule of a key by database and user', async (t) => {
  t.equal(ruleOf('x'), 'rest');
  t.equal(ruleOf('x', 1), 'cache');
  t.equal(ruleOf('x', 0, 'app'), 'app');
  t.equal(ruleOf('x', 0, 'größe'), 'app');
  t.equal(ruleOf('x', 1, 'app'), 'cache');
  t.equal(ruleOf('y', 2, 'app'), 'rest');
  t.equal(ruleOf('y', 0, 'default', ['COPY', 'a', 'y', 'DB', '1']), 'cache', 'where the copy will be');
});

t.test('explain says what it is based on, and not how the database was chosen', async (t) => {
  const explanation = explainer.explain({ key: 'x', command: [], db: 1 });
  t.match(explanation, { db: 1, user: 'default', sends: [['SET', 'x', 'value', 'PX', '3600000']] });
  t.equal(explanation.sends.length, 1);
  const [key] = explainer.explain({ key: 'x', command: [] }).keys;
  t.same(key?.passedOver, [
    { name: 'cache', match: ['*'], db: [1], user: null },
    { name: 'app', match: ['x*'], db: null, user: ['app', 'größe'] },
  ]);
});

t.test('the query of the API', async (t) => {
  t.same(readExplainQuery('key=a&db=3&user=app'), { key: 'a', command: [], db: 3, user: 'app' });
  t.equal(readExplainQuery('key=a&db=x'), 'db must be the number of a database.');
  t.match(readExplainQuery('key=a&base=1'), /may have only key=KEY, command=WORD, db=NUMBER and user=NAME/);
});
