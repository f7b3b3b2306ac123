// Which scripts count as unable to make memory grow: by their source, their flags, or because the operator says so.
import { createHash } from 'node:crypto';
import t from 'tap';
import { ScriptCall } from '../../../src/core/commands/spec.js';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { Growth, growthOfScript } from '../../../src/core/policy/lua-calls.js';
import { Scripts } from '../../../src/core/policy/scripts.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { command } from '../../support/raw-client.js';

const table = defaultCommandTable();
const mayGrow = (...asked: Parameters<typeof growthOfScript>) => growthOfScript(...asked) !== Growth.NONE;
const sha1 = (source: string | Uint8Array) => createHash('sha1').update(source).digest('hex');

/** Bull's own way of writing, and others; none of these calls a command that may grow. */
const HARMLESS = [
  'return 1',
  '',
  "return redis.call('DEL', KEYS[1])",
  'return redis.call("del", KEYS[1])',
  'return redis.call(\n  [[LREM]], KEYS[1], 0, ARGV[1])',
  'return redis.call([==[LREM]==], KEYS[1], 0, ARGV[1])',
  "return redis.pcall 'PING'",
  "return redis . call ( 'ZREM' , KEYS[1], ARGV[1] )",
  "return server.call('HDEL', KEYS[1], ARGV[1])",
  "-- redis.call('SET', KEYS[1], 'x')\nreturn redis.call('GET', KEYS[1])",
  "--[[ redis.call('SET') ]] return redis.call('GET', KEYS[1])",
  "--[==[ redis.call('SET') ]] ]==] return redis.call('GET', KEYS[1])",
  'local text = "redis.call(\'SET\')" return text',
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end",
  "local rcall = redis.call\nif rcall('LREM', KEYS[1], 0, ARGV[1]) > 0 then rcall('ZREM', KEYS[2], ARGV[1]) end",
  "local c = redis.pcall; return c 'PING'",
  "redis.log(redis.LOG_WARNING, 'x') return redis.status_reply('OK')",
  "return redis.sha1hex('x')",
  "return redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'LEFT')",
  "return redis.call('EXPIRE', KEYS[1], 1e3 + 0x1F + .5)",
  "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 'x')",
  "#!lua name=x flags=allow-stale,no-writes\nreturn redis.call('GET', KEYS[1])",
  "#!lua\nreturn redis.call('DEL', KEYS[1])",
];

const GROWING = [
  "return redis.call('SET', KEYS[1], 'x')",
  "return redis.call('sEt', KEYS[1], 'x')",
  "return redis.call([[SET]], KEYS[1], 'x')",
  "return redis.call([[\nSET]], KEYS[1], 'x')",
  "return redis.pcall('LPUSH', KEYS[1], 'x')",
  "return redis.call('DEL', KEYS[1]) + redis.call('INCR', KEYS[1])",
  "return redis.call(ARGV[1], KEYS[1], 'x')",
  "return redis.call('S' .. 'ET', KEYS[1], 'x')",
  "return redis.call(('SET'), KEYS[1], 'x')",
  "return redis.call('\\83ET', KEYS[1], 'x')",
  "return redis.call('NOSUCH', KEYS[1])",
  'return redis.call(unpack(ARGV))',
  "return redis['call']('SET', KEYS[1], 'x')",
  "local r = redis return r.call('SET', KEYS[1], 'x')",
  "local f = { redis.call } return f[1]('SET', KEYS[1], 'x')",
  'local rcall = redis.call return rcall("SET", KEYS[1], "x")',
  'local rcall = redis.call return rcall(ARGV[1], KEYS[1], "x")',
  'local rcall = redis.call local again = rcall return again("SET", KEYS[1], "x")',
  "local a, b = redis.call, redis.pcall return a('SET', KEYS[1], 'x')",
  "return pcall(redis.call, 'SET', KEYS[1], 'x')",
  "return _G['redis']['call']('SET', KEYS[1], 'x')",
  "return getfenv().redis.call('SET', KEYS[1], 'x')",
  'return loadstring(ARGV[1])()',
  "-- a comment ends with its line\rreturn redis.call('SET', KEYS[1], 'x')",
  "--[=[ not closed ]] return redis.call('SET', KEYS[1], 'x')",
  "local text = [[ ' ]] return redis.call('SET', KEYS[1], 'x') --'",
  `--[${'='.repeat(99)}[ ' ]${'='.repeat(99)}] return redis.call('SET', KEYS[1], 'x') --'`,
  "return redis.call('XGROUP', 'CREATE', KEYS[1], 'g', '$', 'MKSTREAM')",
  "return redis.call('SMOVE', KEYS[1], KEYS[2], 'm')",
  "#!lua flags=allow-stale\nreturn redis.call('SET', KEYS[1], 'x')",
  "return 1 -- #!lua flags=allow-oom\n + redis.call('INCR', KEYS[1])",
  "'unfinished",
];

t.test('a script that calls no command that may grow is harmless', async (t) => {
  for (const source of HARMLESS) t.notOk(mayGrow(source, table), source);
});

t.test('every other counts as growing', async (t) => {
  for (const source of GROWING) t.ok(mayGrow(source, table), source);
});

t.test('a long source takes time in proportion to its length', async (t) => {
  for (const piece of ['[[', '--[[', '[=', '"', "'", '--', 'a=', '\\']) {
    const source = piece.repeat(256 * 1024);
    const before = process.cpuUsage().user;
    mayGrow(source.slice(0, 256 * 1024), table);
    t.ok(process.cpuUsage().user - before < 1_000_000, piece);
  }
});

function asked(scripts: Scripts, call: ScriptCall, ...words: string[]): boolean {
  const args = new RequestScanner();
  const buf = command(...words);
  args.scan(buf, 0, buf.length);
  return scripts.mayGrow(args, call);
}

const noted = (scripts: Scripts, source: string) => scripts.note(Buffer.from(source), 0, source.length);

t.test('a SHA1 is known once the source of the script has passed', async (t) => {
  const scripts = new Scripts({ pass: new Set(), commands: table, sha1 });
  const [frees, grows] = ["return redis.call('DEL', KEYS[1])", "return redis.call('SET', KEYS[1], 1)"];
  const bySha = (source: string) => asked(scripts, ScriptCall.SHA1, 'EVALSHA', sha1(source), '0');
  t.ok(bySha(frees), 'unknown');
  noted(scripts, frees);
  noted(scripts, grows);
  t.notOk(bySha(frees));
  t.notOk(asked(scripts, ScriptCall.SHA1, 'EVALSHA', sha1(frees).toUpperCase(), '0'), 'in any case');
  t.ok(bySha(grows));
  t.ok(asked(scripts, ScriptCall.SHA1, 'EVALSHA', 'short', '0'));
  t.notOk(asked(scripts, ScriptCall.SOURCE, 'EVAL', frees, '0'));
  t.ok(asked(scripts, ScriptCall.SOURCE, 'EVAL', grows, '0'));
  t.ok(asked(scripts, ScriptCall.FUNCTION, 'FCALL', 'free_all', '0'));
  const copy = scripts.copy();
  noted(copy, 'return 2');
  t.ok(bySha('return 2'), 'what a copy learns stays there');
  scripts.adopt({ commands: defaultCommandTable() });
  t.ok(bySha(frees), 'another server may know other commands');
});

t.test('scripts that memory.passScripts names pass', async (t) => {
  const grows = "return redis.call('SET', KEYS[1], 1)";
  const scripts = new Scripts({ pass: new Set([sha1(grows), 'free_all']), commands: table, sha1 });
  t.notOk(asked(scripts, ScriptCall.SHA1, 'EVALSHA', sha1(grows), '0'));
  t.notOk(asked(scripts, ScriptCall.SOURCE, 'EVAL', grows, '0'));
  t.notOk(asked(scripts, ScriptCall.FUNCTION, 'FCALL', 'free_all', '0'));
  t.ok(asked(scripts, ScriptCall.FUNCTION, 'FCALL', 'FREE_ALL', '0'), 'names of functions are exact');
});

t.test('a script that is called by its SHA1 stays known, however many others come', async (t) => {
  const scripts = new Scripts({ pass: new Set(), commands: table, sha1 });
  const frees = "return redis.call('DEL', KEYS[1])";
  const bySha = () => asked(scripts, ScriptCall.SHA1, 'EVALSHA', sha1(frees), '0');
  noted(scripts, frees);
  t.notOk(bySha());
  for (let i = 0; i < 10_000; i++) {
    noted(scripts, `return ${i}`);
    asked(scripts, ScriptCall.SOURCE, 'EVAL', `return ${i}`, '0');
  }
  t.notOk(bySha());
  const called = Array.from({ length: 5000 }, (_, i) => `return -${i}`);
  for (const source of called) {
    noted(scripts, source);
    asked(scripts, ScriptCall.SHA1, 'EVALSHA', sha1(source), '0');
  }
  t.ok(bySha(), 'others that are called push it out');
  t.equal(
    called.filter((source) => !asked(scripts.copy(), ScriptCall.SHA1, 'EVALSHA', sha1(source), '0')).length,
    4096,
    'the bound',
  );
});

t.test('the table is bounded: the oldest source gives way, and can be learnt anew', async (t) => {
  const scripts = new Scripts({ pass: new Set(), commands: table, sha1 });
  const source = (i: number) => `return ${i}`;
  const bySha = (i: number) => asked(scripts.copy(), ScriptCall.SHA1, 'EVALSHA', sha1(source(i)), '0');
  for (let i = 0; i <= 2048; i++) noted(scripts, source(i));
  t.ok(bySha(0));
  t.notOk(bySha(1));
  t.notOk(bySha(2048));
  noted(scripts, source(0));
  t.notOk(bySha(0));
});
