// What a connection is: who it is, what it speaks, what it is told without asking. One connection at a time; how
// several play together is a scenario.
import type { Family } from './family.js';

const NAMED = 'CLIENT SETNAME conformance';

export const connection: Family = {
  auth: ['AUTH default any', 'AUTH any', 'AUTH nobody any', 'AUTH a b c'],
  'client|caching': [
    'CLIENT CACHING YES; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES; GET k; CLIENT CACHING NOPE',
    'CLIENT TRACKING OFF',
  ],
  'client|getname': ['CLIENT GETNAME', NAMED, 'CLIENT GETNAME'],
  'client|getredir': ['CLIENT GETREDIR', 'CLIENT TRACKING ON', 'CLIENT GETREDIR'],
  'client|help': ['CLIENT HELP'],
  'client|id': ['CLIENT ID'],
  'client|info': [NAMED, 'SELECT 3', 'CLIENT INFO', 'MULTI', 'GET a', 'GET b', 'EXEC', 'CLIENT INFO'],
  'client|kill': [
    'CLIENT KILL ID 999999999; CLIENT KILL TYPE pubsub; CLIENT KILL 127.0.0.1:1; CLIENT KILL NOPE 1',
    'CLIENT KILL ID text; CLIENT KILL USER nobody',
  ],
  'client|list': [NAMED, 'CLIENT LIST; CLIENT LIST TYPE normal; CLIENT LIST TYPE nope; CLIENT LIST ID text'],
  'client|no-evict': ['CLIENT NO-EVICT ON', 'CLIENT NO-EVICT OFF', 'CLIENT NO-EVICT NOPE'],
  'client|pause': [
    'CLIENT PAUSE 1 WRITE; SET k v; CLIENT PAUSE 1; GET k; CLIENT PAUSE text; CLIENT PAUSE 1 NOPE',
    'CLIENT UNPAUSE',
  ],
  'client|reply': ['CLIENT REPLY ON', 'CLIENT REPLY NOPE'],
  'client|setname': [NAMED, ['CLIENT', 'SETNAME', 'with space'], ['CLIENT', 'SETNAME', ''], 'CLIENT GETNAME'],
  'client|tracking': [
    'CLIENT TRACKING ON; CLIENT TRACKINGINFO; CLIENT TRACKING ON BCAST; CLIENT TRACKING OFF',
    'CLIENT TRACKING ON BCAST PREFIX a PREFIX b; CLIENT TRACKING OFF; CLIENT TRACKING ON OPTIN OPTOUT',
    'CLIENT TRACKING NOPE; CLIENT TRACKING ON REDIRECT 999999999',
  ],
  'client|trackinginfo': ['CLIENT TRACKINGINFO', 'CLIENT TRACKING ON OPTOUT NOLOOP', 'CLIENT TRACKINGINFO'],
  'client|unblock': [
    'CLIENT UNBLOCK 999999999; CLIENT UNBLOCK 999999999 ERROR; CLIENT UNBLOCK text; CLIENT UNBLOCK 1 NOPE',
  ],
  'client|unpause': ['CLIENT UNPAUSE'],
  echo: ['ECHO hello', 'ECHO ""', ['ECHO', Buffer.from([0, 13, 10, 255])]],
  hello: [
    'HELLO; HELLO 2; HELLO 3; HELLO 2 SETNAME me; CLIENT GETNAME; HELLO 3 AUTH default any; HELLO 4',
    'HELLO text; HELLO 3 NOPE; HELLO 3 AUTH nobody any',
  ],
  ping: ['PING', 'PING hi', 'PING ""', 'PING a b'],
  quit: ['QUIT'],
  reset: [NAMED, 'SELECT 3', 'MULTI', 'RESET', 'CLIENT GETNAME', 'SMISMEMBER none a', 'EXEC'],
  select: ['SET k zero', 'SELECT 3', 'GET k', 'SELECT 0', 'GET k', 'SELECT 99', 'SELECT text', 'SELECT -1'],
};
