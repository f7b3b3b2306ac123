// What an operator gets for a wrong file: exit code 78, and a message that says what is wrong, where, and what to do.
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { check } from '../../../src/cli/check.js';
import { ExitCode } from '../../../src/cli/exit.js';

const rule = (more: string) =>
  `{\n  "rules": [\n    { "name": "cache", "match": "cache:*", ${more} }\n  ]\n}\n`;
const shed = (bands: string) => `{\n  "memory": {\n    "shed": ${bands}\n  }\n}\n`;
const upstream = (url: string) => `{\n  "upstream": { "url": "${url}" }\n}\n`;
const RULE = 'rules[0]';
const AT = '(rule "cache", line 3)';
const URL_FORM =
  'upstream.url (line 2): must look like redis://host:port or redis://user:password@host:port/db; ports go from 1 to 65535, and special characters in a password are percent-encoded (%2F for "/")';

/** Each mistake: the text of the file, and the lines of the message; a "…" at the end stands for the rest of a line. */
const REFUSED: Record<string, readonly [text: string | Buffer, ...lines: string[]]> = {
  'a number for a duration': [
    rule('"ttl": 3600'),
    `${RULE}.ttl ${AT}: must be a duration in quotes with its unit, such as "30s" or "24h"`,
  ],
  'a duration without a unit': [
    rule('"ttl": "3600"'),
    `${RULE}.ttl ${AT}: must have a unit, such as "500ms", "24h" or "1h30m" (units: d, h, m, s, ms)`,
  ],
  'a duration in words': [
    rule('"ttl": "1 hour"'),
    `${RULE}.ttl ${AT}: must be a duration such as "500ms", "24h" or "1h30m" (units: d, h, m, s, ms)`,
  ],
  'a negative duration': [
    rule('"ttl": "-1h"'),
    `${RULE}.ttl ${AT}: must be a duration such as "500ms", "24h" or "1h30m" (units: d, h, m, s, ms)`,
  ],
  'a huge duration': [rule('"ttl": "40000d"'), `${RULE}.ttl ${AT}: must be from 1ms to 36500d`],
  'a misspelt setting': [
    rule('"tll": "1h", "durable": true'),
    `${RULE}.tll ${AT}: is not a setting here; did you mean "ttl"? the settings here are name, match, …`,
  ],
  'a setting cut short': [
    rule('"ttl": "1h", "prio": "low"'),
    `${RULE}.prio ${AT}: is not a setting here; did you mean "priority"? …`,
  ],
  'a setting in snake case': [
    rule('"ttl": "1h", "max_ttl": "2h"'),
    `${RULE}.max_ttl ${AT}: is not a setting here; did you mean "maxTtl"? …`,
  ],
  'the word of another tool': [
    '{\n  "rules": [\n    { "name": "cache", "pattern": "cache:*", "ttl": "1h" }\n  ]\n}\n',
    `${RULE}.pattern ${AT}: is not a setting here; did you mean "match"? …`,
    `${RULE}.match ${AT}: is missing: give a pattern such as "session:*", a family, a db or a user`,
  ],
  'a section of another name': [
    '{\n  "mode": "observe",\n  "tls": { "cert": "a", "key": "b" }\n}\n',
    'tls (line 3): is not a setting here; did you mean "listenTls"? …',
  ],
  'a word that is not known': [
    '{\n  "colour": "red"\n}\n',
    'colour (line 2): is not a setting here; the settings here are $schema, listen, …',
  ],
  'a rule without an end': [
    rule('"priority": "low"'),
    `${RULE} ${AT}: must have a "ttl", or "durable": true if its keys are meant to stay`,
  ],
  'a name used twice': [
    '{\n  "rules": [\n    { "name": "cache", "match": "cache:*", "ttl": "1h" },\n    { "name": "cache", "match": "page:*", "ttl": "1m" }\n  ]\n}\n',
    'rules[1].name (rule "cache", line 4): is also the name of rules[0]; names must be unique',
  ],
  'a URL without a scheme': [
    upstream('localhost:6379'),
    'upstream.url (line 2): must start with redis://, rediss:// (TLS), unix:// (a unix socket) or redis-sentinel:// (a primary behind Sentinels), such as redis://127.0.0.1:6379',
  ],
  'a URL of another kind': [upstream('http://localhost:6379'), 'upstream.url (line 2): must start with …'],
  'a port out of range': [upstream('redis://localhost:637900'), URL_FORM],
  'a password with a slash': [upstream('redis://app:pa/ss@localhost:6379'), URL_FORM],
  'a database by name': [
    upstream('redis://localhost:6379/cache'),
    'upstream.url (line 2): must have a database number after the "/", or nothing (a "/" in a password is %2F)',
  ],
  'its own address as upstream': [
    '{\n  "listen": "127.0.0.1:6379",\n  "upstream": { "url": "redis://127.0.0.1:6379" }\n}\n',
    'upstream.url (line 3): is the address on which Spillway itself listens, so it would be its own client',
  ],
  'one port for clients and admin': [
    '{\n  "listen": "127.0.0.1:6380",\n  "admin": { "listen": "127.0.0.1:6380" }\n}\n',
    'admin.listen (line 3): is the address for clients (listen); choose another port',
  ],
  'an admin server for everybody': [
    '{\n  "admin": { "listen": ":9380" }\n}\n',
    'admin.listen (line 2): can be reached from other machines, so it needs a token: set SPILLWAY_ADMIN_TOKEN, …',
  ],
  'a port without a host': [
    '{\n  "listen": 6380\n}\n',
    'listen (line 2): must be host:port in quotes, such as "127.0.0.1:6380", or "unix:/path"',
  ],
  'a trailing comma': [
    '{\n  "rules": [\n    { "name": "cache", "match": "cache:*", "ttl": "1h", }\n  ]\n}\n',
    'line 3, column 57: expected a key in double quotes; remove the comma before this',
  ],
  'a missing comma': [
    '{\n  "listen": ":6380"\n  "mode": "observe"\n}\n',
    'line 3, column 3: expected a comma or the closing bracket',
  ],
  'single quotes': ["{ 'mode': 'observe' }", 'line 1, column 3: JSON has double quotes only'],
  'an empty file': ['', 'line 1, column 1: the file is empty; write at least {}'],
  'a file of comments': ['// later\n', 'line 1, column 1: the file is empty; write at least {}'],
  'another encoding': [
    Buffer.from('\ufeff{}', 'utf16le'),
    'line 1, column 1: the file is not UTF-8; save it as UTF-8',
  ],
  'another encoding without a mark': [
    Buffer.from('{}', 'utf16le'),
    'line 1, column 1: the file is not UTF-8; save it as UTF-8',
  ],
  'a key twice': [
    '{\n  "mode": "observe",\n  "mode": "enforce"\n}\n',
    'line 3, column 3: this key stands twice in the same object; remove one',
  ],
  'a database by name in a rule': [
    rule('"ttl": "1h", "db": "cache"'),
    `${RULE}.db ${AT}: must be the number of a database from 0 to 999999, or a list such as [1, 2]`,
  ],
  'a user that is not a name': [
    rule('"ttl": "1h", "user": 5'),
    `${RULE}.user ${AT}: must be the name of an ACL user in quotes, such as "cache-app", or a list of names`,
  ],
  'a TLS file that is missing': [
    '{\n  "upstream": {\n    "url": "rediss://h:6379",\n    "tls": { "ca": "/no/such/ca.pem" }\n  }\n}\n',
    'upstream.tls.ca (line 4): cannot read /no/such/ca.pem: there is no such file',
  ],
  'a budget above the limit': [
    rule('"ttl": "1h", "budget": "120%"'),
    `${RULE}.budget ${AT}: must be a size of 64kb or more such as "200mb", or a percentage of the limit, such as "20%" (100% at most)`,
  ],
  'a band upside down': [
    shed('{ "low": ["88%", "80%"] }'),
    'memory.shed.low (line 3): must be [start, full], with start not above full: exchange the two',
  ],
  'percentages as numbers': [
    shed('{ "low": [80, 88] }'),
    'memory.shed.low (line 3): must be "never", or a pair of percentages in quotes, such as ["80%", "88%"]',
  ],
  'a share as a number': [
    rule('"ttl": "1h", "jitter": 0.1'),
    `${RULE}.jitter ${AT}: must be a percentage in quotes, such as "80%"`,
  ],
  'a percentage without its sign': [
    rule('"ttl": "1h", "jitter": "10"'),
    `${RULE}.jitter ${AT}: must be a percentage from "0%" to "100%", such as "80%"`,
  ],
  'a word in place of true': [
    rule('"ttl": "1h", "evict": "yes"'),
    `${RULE}.evict ${AT}: must be true or false, without quotes`,
  ],
  'a priority that does not exist': [
    rule('"ttl": "1h", "priority": "Low"'),
    `${RULE}.priority ${AT}: must be "low", "normal", "high" or "critical"`,
  ],
  'a mode that does not exist': ['{ "mode": "off" }', 'mode (line 1): must be "enforce" or "observe"'],
  'a negative number': ['{ "workers": -2 }', 'workers (line 1): must be a whole number from 1 to 64'],
  'a negative size': [
    '{ "memory": { "limit": "-5gb" } }',
    'memory.limit (line 1): must be a size such as "64mb", "1gb" or a number of bytes (units: b, k, kb, m, mb, g, gb)',
  ],
  'rules by name': [
    '{ "rules": { "cache:*": "1h" } }',
    'rules (line 1): must be a list of rules, such as [{ "name": "cache", "match": "cache:*", "ttl": "1h" }]',
  ],
  'several at once, in the order of the file': [
    '{\n  "rules": [\n    { "name": "a", "match": "", "ttl": "1h" },\n    { "match": "b", "ttl": "soon" }\n  ],\n  "wrokers": 2,\n  "mode": "on"\n}\n',
    'rules[0].match (rule "a", line 3): must not be empty',
    'rules[1].name (line 4): is missing: give a name in quotes',
    'rules[1].ttl (line 4): must be a duration such as …',
    'wrokers (line 6): is not a setting here; did you mean "workers"? …',
    'mode (line 7): must be "enforce" or "observe"',
  ],
  'a huge file': [
    `{ "rules": "${'x'.repeat(4 * 1024 * 1024)}" }`,
    'cannot read the config file: it is larger than 4 MB',
  ],
};

/** Files that are valid, and what they are warned about; a "…" as above. */
const WARNED: Record<string, readonly [text: string, ...lines: string[]]> = {
  'an empty list of rules': ['{ "rules": [] }', 'warning: no rules: …'],
  'a byte order mark': ['\ufeff{ "rules": [] }', 'warning: no rules: …'],
  'a rule that another hides': [
    '{ "families": "off", "rules": [ { "name": "all", "match": "*", "ttl": "1h" }, { "name": "cache", "match": "cache:*", "ttl": "1m" } ] }',
    'warning: rules: no key reaches "cache", because "all" matches all of its keys first: put "cache" before it',
  ],
  'a rule twice': [
    '{ "rules": [ { "name": "a", "match": "cache:*", "ttl": "1h" }, { "name": "b", "match": "cache:*", "ttl": "1m" } ] }',
    'warning: rules: no key reaches "b", because "a" matches all of its keys first: put "b" before it',
  ],
  'a regular expression': [
    rule('"ttl": "1h"').replace('cache:*', '^cache:.*$'),
    'warning: rules: "cache" has the pattern "^cache:.*$", which looks like a regular expression; patterns are globs such as "cache:*"',
  ],
  'a prefix without a star': [
    rule('"ttl": "1h"').replace('cache:*', 'cache:'),
    'warning: rules: "cache" matches only the key "cache:": for all keys that begin with it, write "cache:*"',
  ],
  'bands out of order': [
    rule('"ttl": "1h"').replace(
      '{',
      '{ "memory": { "shed": { "low": ["90%", "94%"], "normal": ["80%", "85%"] } },',
    ),
    'warning: memory.shed: "normal" is refused from 80% on, while "low" still grows up to 94%: let "normal" begin at 94% or later',
  ],
  'budgets above the limit together': [
    '{ "rules": [ { "name": "a", "match": "a:*", "ttl": "1h", "budget": "70%" }, { "name": "b", "match": "b:*", "ttl": "1h", "budget": "70%" } ] }',
    'warning: rules: the budgets add up to 140% of the limit, so these rules can fill memory together: a budget keeps no room free for its rule',
  ],
};

t.test('a wrong file: what, where, what to do, and exit code 78', async (t) => {
  const dir = t.testdir();
  const file = `${dir}/spillway.json`;
  for (const [mistake, [text, ...lines]] of Object.entries(REFUSED)) {
    writeFileSync(file, text);
    const { code, said } = run(file);
    t.equal(code, ExitCode.CONFIG, mistake);
    const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`;
    same(t, said, [`spillway: ${file}: ${count}`, ...lines.map((line) => `  ${line}`)], mistake);
  }
  const missing = run(`${dir}/none.json`);
  t.equal(missing.code, ExitCode.CONFIG);
  same(t, missing.said.slice(1), ['  cannot read the config file: there is no such file'], 'no file');
  same(t, run(dir).said.slice(1), ['  cannot read the config file: it is a directory'], 'a directory');
});

t.test('a file that is hardly meant so: a warning, and exit code 0', async (t) => {
  const file = `${t.testdir()}/spillway.json`;
  for (const [mistake, [text, ...lines]] of Object.entries(WARNED)) {
    writeFileSync(file, text);
    const { code, said } = run(file);
    t.equal(code, ExitCode.OK, mistake);
    same(
      t,
      said,
      lines.map((line) => `spillway: ${line}`),
      mistake,
    );
  }
});

/** `spillway check --config FILE`: its exit code, and its lines on standard error. */
function run(file: string): { code: ExitCode; said: string[] } {
  const { write: out } = process.stdout;
  const { write: err } = process.stderr;
  let said = '';
  process.stdout.write = () => true;
  process.stderr.write = (text: string | Uint8Array) => {
    said += text;
    return true;
  };
  try {
    const code = check({ file, env: {}, flags: {} }, false);
    return { code, said: said.trimEnd().split('\n') };
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

function same(t: Test, said: readonly string[], wanted: readonly string[], mistake: string): void {
  const cut = said.map((line, i) => {
    const start = wanted[i]?.endsWith('…') ? wanted[i].slice(0, -1) : undefined;
    return start !== undefined && line.startsWith(start) ? `${start}…` : line;
  });
  t.same(cut, wanted, mistake);
}
