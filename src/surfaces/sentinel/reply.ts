// Encodes the Sentinel endpoint's replies as RESP2 or RESP3. Pure.
import { bulk, encodeFailure, encodeText, Failure, oneLine, Text } from '../reply-text.js';

/** A simple string. */
export class Status {
  constructor(readonly text: string) {}
}

/** Names and values: a map in RESP3, an array of both in turn in RESP2. */
export class Fields {
  constructor(readonly fields: readonly (readonly [name: string, value: Reply])[]) {}
}

/** An answer to SUBSCRIBE and the like: a push in RESP3. */
export class Push {
  constructor(readonly items: readonly Reply[]) {}
}

/** The null that stands for an array. */
export const NO_ARRAY = Symbol('no array');

/** A string is a bulk string; null is the null that stands for one. */
export type Reply =
  | string
  | number
  | null
  | typeof NO_ARRAY
  | Status
  | Failure
  | Fields
  | Text
  | Push
  | readonly Reply[];

export type Resp = 2 | 3;

export function encodeReply(reply: Reply, resp: Resp): string {
  if (typeof reply === 'string') return bulk(reply);
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (reply === null) return resp === 3 ? '_\r\n' : '$-1\r\n';
  if (reply === NO_ARRAY) return resp === 3 ? '_\r\n' : '*-1\r\n';
  if (reply instanceof Status) return `+${oneLine(reply.text)}\r\n`;
  if (reply instanceof Failure) return encodeFailure(reply);
  if (reply instanceof Text) return encodeText(reply, resp);
  if (reply instanceof Push) return aggregate(resp === 3 ? '>' : '*', reply.items, resp);
  if (reply instanceof Fields) {
    const header = resp === 3 ? `%${reply.fields.length}` : `*${2 * reply.fields.length}`;
    return `${header}\r\n${reply.fields.map(([name, value]) => bulk(name) + encodeReply(value, resp)).join('')}`;
  }
  return aggregate('*', reply, resp);
}

function aggregate(type: string, items: readonly Reply[], resp: Resp): string {
  return `${type}${items.length}\r\n${items.map((item) => encodeReply(item, resp)).join('')}`;
}
