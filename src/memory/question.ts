// Questions on the monitor's connection, as its other users ask them.

/** One command: name and arguments, as ioredis takes them. */
export type Question = readonly [command: string, ...args: (string | number | Buffer)[]];

/** One for each question, in their order. */
export type Answers = readonly (readonly [Error | null, unknown])[];

/** Sends them together, in one piece; each is answered separately. Rejects if the monitor is not connected. */
export type Ask = (questions: readonly Question[]) => Promise<Answers>;
