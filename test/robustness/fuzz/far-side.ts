// A Redis for the fuzz runs: the laboratory's scripted server behind the independent request reader, so that broken
// bytes are refused where and as Redis refuses them. Also keeps how it read them.
// Invariant: behind a refusal it reads and answers nothing, as a Redis that has closed.
import { cmd, ScriptedRedis, type ServerOptions } from '../../support/session-lab.js';
import { CheckedSink } from './checked-sink.js';
import { type Reading, readRequest } from './request-reader.js';

const NOTHING = Buffer.alloc(0);

export class FarSide {
  /** Commands read, empty ones left out. */
  readonly commands: string[][] = [];
  /** What stopped the reading, if it was no command. */
  rest: Exclude<Reading, { what: 'command' }> | undefined;
  /** Something in it may be read in another way by another server: a session leaves all from there on to the server. */
  doubtful = false;
  private readonly redis: ScriptedRedis;
  private readonly received = new CheckedSink();
  private at = 0;

  constructor(options: ServerOptions) {
    this.redis = new ScriptedRedis(options);
  }

  /** All bytes received, from the command on that is not whole. */
  get unread(): Buffer {
    return this.received.all().subarray(this.at);
  }

  /** Where what the reading stopped at stands in `unread`. */
  get restOffset(): number {
    return this.rest === undefined ? 0 : this.rest.at - this.at;
  }

  receive(chunk: Buffer): Buffer {
    this.received.write(chunk, 0, chunk.length);
    const bytes = this.received.all();
    if (this.rest?.what === 'refused' || bytes.length < (this.rest?.atLeast ?? 0)) return NOTHING;
    this.rest = undefined;
    let understood = '';
    while (this.at < bytes.length && this.rest === undefined) {
      const reading = readRequest(bytes, this.at);
      this.doubtful ||= reading.doubtful || (reading.args.length === 0 && this.commands.some(isSkip));
      if (reading.what === 'command') {
        this.at = reading.to;
        understood += reading.args.length > 0 ? this.understand(reading.args) : '*0\r\n';
      } else this.rest = reading;
    }
    const replies = understood === '' ? NOTHING : this.redis.receive(Buffer.from(understood, 'latin1'));
    if (this.rest?.what !== 'refused') return replies;
    return Buffer.concat([replies, Buffer.from(this.rest.error, 'latin1')]);
  }

  private understand(args: string[]): string {
    this.commands.push(args);
    const [name, ...rest] = args;
    // Redis, too, keeps line ends out of the errors that quote a name.
    return /[\r\n]/.test(name) ? cmd(name.replaceAll(/[\r\n]/g, ' '), ...rest) : cmd(...args);
  }
}

/** CLIENT REPLY SKIP, which an empty command behind it may use up. */
function isSkip([name, what, how]: readonly string[]): boolean {
  return /^client$/i.test(name) && /^reply$/i.test(what ?? '') && /^skip$/i.test(how ?? '');
}
