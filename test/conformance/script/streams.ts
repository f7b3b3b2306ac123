// Streams and consumer groups: every command, its options, and what it refuses. Blocking reads only where they need
// not wait, or not for long.
import type { Family } from './family.js';

const STREAM = ['XADD x 1-1 f v', 'XADD x 2-1 g w', 'XADD x 3-0 h u'];
const GROUP = [...STREAM, 'XGROUP CREATE x grp 0'];
const READ = [...GROUP, 'XREADGROUP GROUP grp me COUNT 2 STREAMS x >'];

export const streams: Family = {
  xack: [...READ, 'XACK x grp 1-1 9-9', 'XACK x none 1-1', 'XACK x grp text'],
  xadd: [
    ...STREAM,
    'XADD x 1-1 late v; XADD x 3-* f v; XADD x * f v; XADD x NOMKSTREAM 99-1 f',
    'XADD none NOMKSTREAM 1-1 f v; XADD t MAXLEN = 1 5-1 f v; XADD x 0-0 f v; XADD x text f v',
  ],
  xautoclaim: [
    ...READ,
    'XAUTOCLAIM x grp you 0 0; XAUTOCLAIM x grp you 0 0 COUNT 1 JUSTID; XAUTOCLAIM x none you 0 0',
    'XAUTOCLAIM x grp you text 0',
  ],
  xclaim: [
    ...READ,
    'XCLAIM x grp you 0 1-1; XCLAIM x grp you 0 2-1 JUSTID; XCLAIM x grp you 0 9-9',
    'XCLAIM x none you 0 1-1',
  ],
  xdel: [...STREAM, 'XDEL x 1-1 9-9', 'XDEL none 1-1', 'XDEL x text'],
  'xgroup|create': [
    ...GROUP,
    'XGROUP CREATE x grp 0; XGROUP CREATE new grp $ MKSTREAM; XGROUP CREATE none grp $',
    'XGROUP CREATE x b 0 ENTRIESREAD 1',
  ],
  'xgroup|createconsumer': [
    ...GROUP,
    'XGROUP CREATECONSUMER x grp me; XGROUP CREATECONSUMER x grp me; XGROUP CREATECONSUMER x none me',
  ],
  'xgroup|delconsumer': [...READ, 'XGROUP DELCONSUMER x grp me', 'XGROUP DELCONSUMER x grp none'],
  'xgroup|destroy': [...GROUP, 'XGROUP DESTROY x grp', 'XGROUP DESTROY x grp'],
  'xgroup|help': ['XGROUP HELP'],
  'xgroup|setid': [...GROUP, 'XGROUP SETID x grp $', 'XGROUP SETID x none 0', 'XGROUP SETID x grp text'],
  'xinfo|consumers': [...READ, 'XINFO CONSUMERS x grp', 'XINFO CONSUMERS x none'],
  'xinfo|groups': [...READ, 'XINFO GROUPS x', 'XINFO GROUPS none'],
  'xinfo|help': ['XINFO HELP'],
  'xinfo|stream': [
    ...READ,
    'XINFO STREAM x; XINFO STREAM x FULL COUNT 2; XINFO STREAM none; XINFO STREAM x NOPE',
  ],
  xlen: [...STREAM, 'XLEN x', 'XLEN none'],
  xpending: [
    ...READ,
    'XPENDING x grp; XPENDING x grp - + 10; XPENDING x grp IDLE 0 - + 10 me; XPENDING x none',
  ],
  xrange: [
    ...STREAM,
    'XRANGE x - +; XRANGE x (1-1 + COUNT 1; XRANGE x text +; XRANGE none - +; XRANGE x - + COUNT -1',
  ],
  xread: [
    ...STREAM,
    'XREAD COUNT 1 STREAMS x 0; XREAD BLOCK 5 STREAMS x $; XREAD STREAMS x none 0 0; XREAD STREAMS x',
    'XREAD COUNT 1 BLOCK -1 STREAMS x 0',
  ],
  xreadgroup: [
    ...GROUP,
    'XREADGROUP GROUP grp me COUNT 2 STREAMS x >; XREADGROUP GROUP grp me STREAMS x 0',
    'XREADGROUP GROUP grp me NOACK BLOCK 5 STREAMS x >; XREADGROUP GROUP grp me BLOCK 5 STREAMS x >',
    'XREADGROUP GROUP none me STREAMS x >',
  ],
  xrevrange: [...STREAM, 'XREVRANGE x + -', 'XREVRANGE x + - COUNT 2'],
  xsetid: [...STREAM, 'XSETID x 9-9', 'XSETID x 1-1', 'XSETID none 9-9', 'XSETID x 9-9 ENTRIESADDED 1'],
  xtrim: [
    ...STREAM,
    'XTRIM x MAXLEN 1; XTRIM x MINID 3; XTRIM x MAXLEN ~ 1 LIMIT 1; XTRIM x NOPE 1; XTRIM x MAXLEN -1',
  ],
};
