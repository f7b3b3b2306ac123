// Requests that are odd on the wire but right, and those that are broken: the server has its own words for each, and
// closes.
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

const BINARY = Buffer.from([0, 13, 10, 255]);

export const odd: Pipelines = {
  inline: Buffer.from(
    [
      'PING\r\nset a 1\r\nGET a\n   get   a  \r\nSET "a b" "x\\x41\\n"\r\nGET "a b"\r\nSETNX i \'it\\\'s\'\r\nGET i\r\n',
      '\r\n\nSET e ""\r\nGET e\r\nSETEX e 99999999 v\r\nMSET q 1 r 2\r\nNOSUCH\r\nSET a\r\nGET a\r\n',
    ].join(''),
  ),
  'inline, connection state': Buffer.from(
    'MULTI\r\nSETNX a 1\r\nEXEC\r\nHELLO 3\r\nGET none\r\nSUBSCRIBE c\r\nPUBLISH c x\r\nUNSUBSCRIBE\r\nCLIENT REPLY SKIP\r\nGET a\r\nGET a\r\nSELECT 3\r\nRESET\r\nGET a\r\n',
  ),
  'inline and multibulk mixed': Buffer.concat([
    commands('SET a 1'),
    Buffer.from('GET a\r\n'),
    commands('SETNX b 1'),
    Buffer.from('SETNX c 1\r\nGET c\r\n'),
    commands('GET b'),
  ]),
  'empty multibulks': Buffer.from('*0\r\n*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n*-5\r\n*1\r\n$4\r\nPING\r\n*0\r\n'),
  'empty and binary': Buffer.concat([
    command('SET', '', ''),
    command('GET', ''),
    command('SETNX', BINARY, Buffer.from('\r\n$5\r\n*3\r\n')),
    command('GET', BINARY),
    command('MSET', '', 'x', '\r\n', '\r\n'),
    command('MGET', '', '\r\n'),
    command(''),
    command('', ''),
    command(Buffer.from([0, 1, 2])),
    command('HSET', Buffer.alloc(300, 0), '', ''),
  ]),
};

/** No QUIT follows. */
export const broken: Pipelines = Object.fromEntries(
  Object.entries({
    'no number of arguments': '*x\r\n',
    'too many arguments': '*2147483648\r\n',
    'a huge number of arguments': '*99999999999999999999\r\n',
    'arguments that are no bulks': '*1\r\n:1\r\n',
    'no bulk length': '*1\r\n$x\r\n',
    'a negative bulk length': '*1\r\n$-1\r\n',
    'a bulk length over the limit': '*1\r\n$536870913\r\n',
    'a leading zero': '*01\r\n$4\r\nPING\r\n',
    'a plus sign': '*+1\r\n$4\r\nPING\r\n',
    'an empty count': '*\r\n',
    'an empty length': '*1\r\n$\r\n',
    'unbalanced quotes': 'SET a "b\r\n',
    // Valkey 9 takes it.
    'a quote followed by text': 'SET a "b"c\r\nQUIT\r\n',
    'an inline line without end': 'x'.repeat(70_000),
    'a count line without end': `*${'1'.repeat(70_000)}`,
    'a length line without end': `*1\r\n$${'1'.repeat(70_000)}`,
    'in the middle of a SET': '*3\r\n$3\r\nSET\r\n$1\r\na\r\n+x\r\n',
    'after good commands': '*1\r\n$4\r\nPING\r\n*5\r\n$5\r\nSETNX\r\n$-7\r\n',
    'inside MULTI': '*1\r\n$5\r\nMULTI\r\n*1\r\n$x\r\n',
    'while subscribed': '*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n*1\r\n$x\r\n',
    'in RESP3': '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$x\r\n',
    'an HTTP request': 'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n',
    'an HTTP POST': 'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  }).map(([name, text]) => [name, Buffer.from(text, 'latin1')]),
);
