// A problem in a config file names its line and its rule.
import t from 'tap';
import { checkConfig } from '../../../src/config/check.js';
import { Places } from '../../../src/config/places.js';

const TEXT = `{
  // caches
  "listen": ":1",
  "rules": [
    { "name": "cache", "match": "cache:*",
      "ttl": "soon" },
    {
      "name": "queue",
      "match": "queue:*"
    },
    { "name": "a\\u001bb", "match": 5, "tttl": 1 }
  ],
  "memory": { "shed": {} },
  "mdoe": "observe"
}
`;
const value = {
  listen: ':1',
  rules: [
    { name: 'cache', match: 'cache:*', ttl: 'soon' },
    { name: 'queue', match: 'queue:*' },
    { name: 'a\u001bb', match: 5, tttl: 1 },
  ],
  mdoe: 'observe',
};

t.test('a place: the line where the setting begins, or where it is missing', async (t) => {
  for (const text of [TEXT, TEXT.replaceAll('\n', '\r\n'), TEXT.replaceAll('\n', '\r')]) {
    const places = new Places(text);
    t.same(places.of(['rules', 0, 'ttl']), { line: 6, rule: 'cache' });
    t.same(places.of(['rules', 1]), { line: 7, rule: 'queue' });
    t.same(places.of(['rules', 1, 'ttl']), { line: 7, rule: 'queue' }, 'missing: where its rule begins');
    t.same(places.of(['rules', 2, 'match']), { line: 11 }, 'a name that is no plain word is not repeated');
    t.same(places.of(['memory', 'shed', 'low']), { line: 13 });
    t.same(places.of(['rules']), { line: 4 });
    t.same(places.of([]), { line: 1 });
  }
  t.same(new Places('').of(['listen']), {});
});

t.test('the message has the place, and the name that was meant', async (t) => {
  const check = (origins?: ReadonlyMap<string, string>) => () => checkConfig(value, 'f.json', origins, TEXT);
  t.throws(check(), { message: /^ {2}rules\[0\]\.ttl \(rule "cache", line 6\): must be /m });
  t.throws(check(), { message: /^ {2}rules\[1\] \(rule "queue", line 7\): must have /m });
  t.throws(check(), {
    message: /^ {2}rules\[2\]\.tttl \(line 11\): is not a setting here; did you mean "ttl"\? the settings/m,
  });
  t.throws(check(), { message: /^ {2}mdoe \(line 14\): is not a setting here; did you mean "mode"\?/m });
  t.throws(check(new Map([['mdoe', '--mdoe']])), { message: /^ {2}--mdoe: is not/m }, 'not from the file');
  t.throws(() => checkConfig({ zzz: 1, listn: 2 }), {
    message:
      /^ {2}zzz: is not a setting here; the .*\n {2}listn: is not a setting here; did you mean "listen"\?/m,
  });
});
