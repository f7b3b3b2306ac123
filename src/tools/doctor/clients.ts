// The server's buffers for clients, by the classes of client-output-buffer-limit: CLIENT LIST, added up. No name or address
// is kept.

/** The names in client-output-buffer-limit; `master`: on a replica, the link to its primary. */
export type ClientClass = 'normal' | 'replica' | 'pubsub' | 'master';

/** For one class, in bytes. */
export interface ClassMemory {
  count: number;
  /** Bytes of unread replies. */
  output: number;
  largestOutput: number;
  /** Bytes of incomplete requests. */
  input: number;
}

export type ClientMemory = Readonly<Record<ClientClass, ClassMemory>>;

/** Adds up a reply of CLIENT LIST. */
export function clientMemory(list: string): ClientMemory {
  const none = (): ClassMemory => ({ count: 0, output: 0, largestOutput: 0, input: 0 });
  const memory = { normal: none(), replica: none(), pubsub: none(), master: none() };
  for (const line of list.split('\n')) {
    const flags = / flags=(\S+)/.exec(line)?.[1];
    if (flags === undefined) continue;
    const number = (field: string): number => Number(new RegExp(` ${field}=(\\d+)`).exec(line)?.[1] ?? 0);
    const output = number('omem');
    const own = memory[classOf(flags)];
    own.count++;
    own.output += output;
    own.largestOutput = Math.max(own.largestOutput, output);
    own.input += queryBuffer(number('qbuf'), number('qbuf-free'));
  }
  return memory;
}

/** A client in MONITOR has O, not S, and is limited as a normal one. */
function classOf(flags: string): ClientClass {
  if (flags.includes('S')) return 'replica';
  if (flags.includes('M')) return 'master';
  return flags.includes('P') ? 'pubsub' : 'normal';
}

/** An empty buffer that is kept for the next request holds no bytes. */
function queryBuffer(filled: number, free: number): number {
  return filled === 0 ? 0 : filled + free;
}

/** One class's words in client-output-buffer-limit, bytes and seconds; 0: none. */
export interface OutputLimit {
  readonly hard: number;
  readonly soft: number;
  readonly seconds: number;
}

/** undefined: unknown. */
export function outputLimit(setting: string | undefined, of: ClientClass): OutputLimit | undefined {
  // Servers before 7.0, and those that keep the old words for old clients, call replicas by their former name.
  const name = of === 'replica' ? '(?:replica|slave)' : of;
  const words = new RegExp(`(?:^| )${name} (\\d+) (\\d+) (\\d+)`).exec(setting ?? '');
  return words === null
    ? undefined
    : { hard: Number(words[1]), soft: Number(words[2]), seconds: Number(words[3]) };
}
