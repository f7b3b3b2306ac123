// Runs generator-process.ts once: requests at a fixed rate, timed from when they were due.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What the process is told, as JSON in its first argument. */
export interface GeneratorOptions {
  readonly port: number;
  readonly connections: number;
  /** All connections together. */
  readonly ratePerSecond: number;
  /** Before anything is recorded, at the same rate. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Sent in turn. */
  readonly commands: readonly (readonly string[])[];
  /** Line ends in each reply: 1 for `+OK`, 2 for a bulk string without any. */
  readonly linesPerReply: number;
}

/** Of the recorded requests. Times in milliseconds. */
export interface GeneratorFigures {
  readonly requests: number;
  readonly achievedPerSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How late the generator itself was to send, in the middle: part of the times above. */
  readonly sentLateP50: number;
}

/** What the process says, in this order. */
export type GeneratorMessage =
  /** All are connected and warm, recording begins. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'halfway' }
  | { readonly kind: 'end'; readonly figures: GeneratorFigures };

export interface GeneratorEvents {
  begin?(): void;
  halfway?(): void;
}

/** @throws Error when a connection ends, a reply is an error, or replies do not come in the end. */
export function generate(options: GeneratorOptions, events: GeneratorEvents = {}): Promise<GeneratorFigures> {
  const file = fileURLToPath(new URL('generator-process.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(options)]);
  return new Promise((resolve, reject) => {
    let figures: GeneratorFigures | undefined;
    child.on('message', (message: GeneratorMessage) => {
      if (message.kind === 'end') figures = message.figures;
      else events[message.kind]?.();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (figures !== undefined && code === 0) resolve(figures);
      else reject(new Error(`the generator ended with code ${code}; its output is above`));
    });
  });
}
