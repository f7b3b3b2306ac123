// What the replies of two servers that were sent the same may differ in: clocks, random picks, ids, addresses, and the
// order of hash tables. By command, each with the narrowest rule that does it; every other reply is compared byte
// for byte. Nothing is left out silently: what a rule takes away it replaces by a mark.
import { type Token, tokens } from './tokens.js';

/** The part of a reply that must be the same. */
type Rule = (reply: Buffer) => string;

const show = ({ type, text }: Token): string => `${type}${text}`;
const each =
  (change: (text: string, token: Token) => string): Rule =>
  (reply) =>
    tokens(reply)
      .map((token) => show({ type: token.type, text: change(token.text, token) }))
      .join('\n');
/** A client by unix socket is shown as such; the direct one connects by TCP. */
const asByTcp = (text: string): string =>
  text
    .replace(/\b(l?addr)=\/\S+?:0\b/g, '$1=127.0.0.1:1')
    .replace(/ flags=U /g, ' flags=N ')
    .replace(/(\d+\.\d{6} \[\d+ )unix:[^\]]+\]/g, '$1127.0.0.1:1]');
/** Everything but the numbers themselves. */
const numbers = each((text, { type }) =>
  '*%~>|'.includes(type) ? text : asByTcp(text).replace(/0x[0-9a-f]+|-?\d+(\.\d+)?(e[+-]?\d+)?/g, 'N'),
);
/** Types and the shape, no content. */
const shape = each((text, { type }) => ('*%~>|'.includes(type) ? text : ''));
/** Points in time, in seconds or milliseconds of this century. */
const clock = each((text) => text.replace(/\b[1-3]\d{9}(\d{3})?\b/g, 'T'));
/** Seconds or milliseconds that are left of a power of ten: up to a tenth less than was given. */
const remaining = each((text) => (/^\d{2,}$/.test(text) ? `about ${roundedUp(text)}` : text));
function roundedUp(digits: string): number {
  const unit = 10 ** (digits.length - 1);
  return Math.ceil(Number(digits) / unit) * unit;
}
/** The same parts, in whatever order a hash table has them. */
const anyOrder: Rule = (reply) => tokens(reply).map(show).sort().join('\n');
const hexDigits = each((text) => text.replace(/[0-9a-f]/g, 'x'));
const connectionId = each((text, { type }) => (type === ':' && Number(text) > 3 ? 'ID' : text));

const KEPT_INFO = /^(redis_version|redis_mode|arch_bits|role|maxmemory_policy|loading|cluster_enabled|# .*)$/;
const COUNTED_BY_USE = /^(cmdstat_|errorstat_|latency_percentiles_|db\d|slave\d|module)/;
/** INFO: each field that every server has, and the values of those that do not change. */
const infoFields = each((text) =>
  text
    .split('\r\n')
    .filter((line) => !COUNTED_BY_USE.test(line))
    .map((line) => (KEPT_INFO.test(line.split(':')[0] ?? '') ? line : line.split(':')[0]))
    .join('\n'),
);

const KEPT_CLIENT = /^(name|db|sub|psub|ssub|multi|watch|flags|cmd|user|redir|resp|lib-name|lib-ver)=/;
/** CLIENT LIST and INFO: of connections that this script has named, what the client itself can have caused. */
const ownConnections = each((text) =>
  asByTcp(text)
    .split('\n')
    .filter((line) => line.includes(' name=conformance '))
    .map((line) =>
      line
        .split(' ')
        .map((field) => (KEPT_CLIENT.test(field) ? field : field.split('=')[0]))
        .join(' '),
    )
    .join('\n'),
);

const RULES: ReadonlyMap<string, Rule> = new Map([
  ['acl|cat', anyOrder],
  ['acl|genpass', hexDigits],
  ['acl|log', numbers],
  ['client|id', numbers],
  ['client|info', ownConnections],
  ['client|list', ownConnections],
  ['cluster|shards', hexDigits],
  ['command', anyOrder],
  ['command|docs', anyOrder],
  ['command|info', anyOrder],
  ['command|list', anyOrder],
  ['config|get', anyOrder],
  ['debug', numbers],
  ['function|list', anyOrder],
  ['hello', connectionId],
  ['info', infoFields],
  ['keys', anyOrder],
  ['lastsave', numbers],
  ['latency|graph', numbers],
  ['latency|histogram', numbers],
  ['latency|history', numbers],
  ['latency|latest', numbers],
  ['lolwut', shape],
  ['memory|malloc-stats', shape],
  ['memory|stats', numbers],
  ['object|idletime', numbers],
  ['pttl', remaining],
  ['pubsub|channels', anyOrder],
  ['pubsub|shardchannels', anyOrder],
  ['scan', anyOrder],
  ['sdiff', anyOrder],
  ['sinter', anyOrder],
  ['smembers', anyOrder],
  ['sscan', anyOrder],
  ['sunion', anyOrder],
  ['time', shape],
  ['ttl', remaining],
  ['xadd', clock],
  ['xinfo|consumers', numbers],
  ['xinfo|stream', clock],
  ['xpending', numbers],
]);

export function isLoose(name: string): boolean {
  return RULES.has(name);
}

/** What must be the same of a command's reply; `name` as COMMAND has it, such as `client|id`. */
export function comparable(name: string, reply: Buffer): string {
  return RULES.get(name)?.(reply) ?? reply.toString('latin1');
}

/** For transcripts whose replies are not told apart: ids of connections, and MONITOR's times and addresses. */
export function comparableTranscript(bytes: Buffer): string {
  return asByTcp(bytes.toString('latin1'))
    .replace(/\$2\r\nid\r\n:\d+/g, '$2\r\nid\r\n:N')
    .replace(/\d+\.\d{6} \[(\d+) (?:127\.0\.0\.1:\d+|lua)\]/g, 'T [$1 A]');
}
