// Lua scripts and functions: every command, what they hand back, and what they refuse.
import { tokens } from '../tokens.js';
import type { Family } from './family.js';

const GET = "return redis.call('GET', KEYS[1])";
const GET_SHA = 'd3c21d0c2b9ca22f82737626a27bcaf5d288f99f';
const LIBRARY = [
  '#!lua name=lib',
  "redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)",
  "redis.register_function{function_name='look', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}",
].join('\n');
const LOAD = ['FUNCTION', 'LOAD', LIBRARY];

export const scripting: Family = {
  eval: [
    'SET k v',
    ['EVAL', GET, 1, 'k'],
    ['EVAL', "return {1, 2.9, 'x', {false, true}, redis.status_reply('FINE')}", 0],
    ['EVAL', "return redis.error_reply('MINE own')", 0],
    ['EVAL', "return redis.call('NOSUCH')", 0],
    ['EVAL', "return redis.pcall('INCR', 'k')", 0],
    ['EVAL', 'redis.setresp(3); return {map={a={double=3.5}}}', 0],
    ['EVAL', 'this is no lua', 0],
    ['EVAL', 'return 1', 'x'],
    ['EVAL', 'return 1', 2, 'k'],
    ['EVAL', 'return 1', -1],
  ],
  eval_ro: ['SET k v', ['EVAL_RO', GET, 1, 'k'], ['EVAL_RO', "return redis.call('SET', KEYS[1], 1)", 1, 'k']],
  evalsha: [
    'SET k v',
    ['SCRIPT', 'LOAD', GET],
    `EVALSHA ${GET_SHA} 1 k; EVALSHA ${'f'.repeat(40)} 0; EVALSHA short 0`,
  ],
  evalsha_ro: ['SET k v', ['SCRIPT', 'LOAD', GET], `EVALSHA_RO ${GET_SHA} 1 k`],
  fcall: [LOAD, 'SET k v', 'FCALL look 1 k', 'FCALL put 1 k w', 'GET k', 'FCALL nosuch 0', 'FCALL put x'],
  fcall_ro: [LOAD, 'SET k v', 'FCALL_RO look 1 k', 'FCALL_RO put 1 k v'],
  'function|delete': [LOAD, 'FUNCTION DELETE lib', 'FUNCTION DELETE lib'],
  'function|dump': [LOAD, 'FUNCTION DUMP'],
  'function|flush': [LOAD, 'FUNCTION FLUSH', 'FUNCTION FLUSH ASYNC', 'FUNCTION FLUSH NOPE', 'FUNCTION LIST'],
  'function|help': ['FUNCTION HELP'],
  'function|kill': ['FUNCTION KILL'],
  'function|list': [LOAD, 'FUNCTION LIST', 'FUNCTION LIST WITHCODE LIBRARYNAME l*', 'FUNCTION LIST NOPE'],
  'function|load': [
    LOAD,
    LOAD,
    ['FUNCTION', 'LOAD', 'REPLACE', LIBRARY],
    'FUNCTION LOAD nothing',
    ['FUNCTION', 'LOAD', 'NOPE', LIBRARY],
  ],
  'function|restore': {
    lines: [LOAD, 'FUNCTION DUMP', 'FUNCTION FLUSH', 'FUNCTION RESTORE broken'],
    next: ([, dump]) => {
      const payload = Buffer.from(tokens(dump)[0].text, 'latin1');
      return [
        ['FUNCTION', 'RESTORE', payload],
        ['FUNCTION', 'RESTORE', payload],
        ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
        'FUNCTION LIST',
      ];
    },
  },
  'function|stats': [LOAD, 'FUNCTION STATS'],
  'script|debug': ['SCRIPT DEBUG NO', 'SCRIPT DEBUG NOPE'],
  'script|exists': [['SCRIPT', 'LOAD', GET], `SCRIPT EXISTS ${GET_SHA} ${'f'.repeat(40)}`],
  'script|flush': [
    ['SCRIPT', 'LOAD', GET],
    `SCRIPT FLUSH SYNC; SCRIPT FLUSH ASYNC; SCRIPT FLUSH NOPE; SCRIPT EXISTS ${GET_SHA}`,
  ],
  'script|help': ['SCRIPT HELP'],
  'script|kill': ['SCRIPT KILL'],
  'script|load': [['SCRIPT', 'LOAD', GET], 'SCRIPT LOAD (', `EVALSHA ${GET_SHA} 1 k`],
};
