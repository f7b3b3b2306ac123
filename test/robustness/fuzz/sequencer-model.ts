// What the reply sequencer should do, told a second time in the plainest way: whole items, a plain list of what is
// owed, strings. For the kinds of pending replies whose outcome no subscription decides.
// Knows only well-formed streams: behind the last item before the first fault it stops, and says so.
import { FollowUpReply } from '../../../src/core/policy/observer.js';
import { Pending } from '../../../src/core/session/reply/pending-kind.js';
import { frameReply } from '../../support/resp-framing.js';
import { OOM } from '../../support/session-lab.js';

const SWALLOWED: readonly number[] = [Pending.FOLLOW_UP, Pending.SWALLOW, Pending.AUTH_PROBE];

const PASSING: readonly number[] = [Pending.PASS, Pending.OPAQUE, Pending.LOCAL_OOM];
const [ATTRIBUTE, MAP, PUSH] = [0x7c, 0x25, 0x3e];

export class SequencerModel {
  client = '';
  readonly events: string[] = [];
  broken = false;
  /** A follow-up was answered as no server does: what is made of that is not told here. */
  unsure = false;
  private readonly owed: { kind: number; detail: number }[] = [];
  private bytes: Buffer = Buffer.alloc(0);
  private received = 0;

  /** `fault`: offset in all that will be received from which on it is no RESP. */
  constructor(private fault: number) {}

  /** Nothing of an item is here that has not ended. */
  get atBoundary(): boolean {
    return this.bytes.length === 0;
  }

  /** No server answers what it has not been asked: but for a push, what is coming belongs to what is owed. */
  get mayOwe(): boolean {
    return this.atBoundary || this.owed.length > 0 || this.bytes[0] === PUSH;
  }

  owe(kind: number, detail: number, count: number): void {
    for (let i = 0; i < count; i++) this.owed.push({ kind, detail });
    if (this.atBoundary) this.giveOoms();
  }

  receive(piece: Buffer): void {
    this.received += piece.length;
    this.bytes = Buffer.concat([this.bytes, piece]);
    while (this.bytes.length > 0) {
      const at = this.received - this.bytes.length;
      const framing = at < this.fault ? frameReply(this.bytes.subarray(0, this.fault - at), 0) : undefined;
      if (framing === undefined || !('end' in framing)) break;
      if (this.bytes[0] === ATTRIBUTE) {
        // What it says of the error behind it is not told here; before what is not passed on, no server has one.
        this.unsure = true;
        // Nor has a server one before a push.
        if (!PASSING.includes(this.owed[0]?.kind ?? Pending.PASS) || this.describesPush()) {
          this.fault = at;
          break;
        }
      }
      const item = this.bytes.toString('latin1', 0, framing.end);
      this.bytes = this.bytes.subarray(framing.end);
      this.take(item);
      this.giveOoms();
    }
    this.broken = this.received > this.fault;
  }

  /** The attribute at hand stands before a push. */
  private describesPush(): boolean {
    const asMap = Buffer.from(this.bytes);
    asMap[0] = MAP;
    const framing = frameReply(asMap, 0);
    return 'end' in framing && this.bytes[framing.end] === PUSH;
  }

  private take(item: string): void {
    const first = this.owed[0]?.kind;
    if (item.startsWith('>') || first === undefined || first === Pending.LOCAL_OOM) {
      this.client += item;
      return;
    }
    const { kind, detail } = this.owed.shift() as { kind: number; detail: number };
    const refused = item.startsWith('-');
    // What is swallowed answers in one line; an array would be a message to a subscriber, but for HELLO's.
    const swallowed = SWALLOWED.includes(kind) && (kind === Pending.AUTH_PROBE || !item.startsWith('*'));
    const positive = item.startsWith('+');
    if (kind === Pending.REFUSAL && refused) this.client += OOM;
    else if (!swallowed && !(kind === Pending.REPLY_CHECK && positive)) this.client += item;
    // Only Redis's own words, and not where a script may have spoken.
    if (kind === Pending.PASS && item.startsWith(OOM)) this.events.push('oom');
    if (kind === Pending.FOLLOW_UP && !/^(:[01]\r|-)/.test(item)) this.unsure = true;
    if (kind === Pending.FOLLOW_UP) this.events.push(`follow-up ${detail} ${outcomeOf(item)}`);
    if (kind === Pending.MULTI && refused) this.events.push(`multi refused ${detail}`);
    if (kind === Pending.EXEC) this.events.push(`exec ${/^\*[0-9]/.test(item)}`);
    if (kind === Pending.AUTH && !refused) this.events.push('user changed');
    if (kind === Pending.REPLY_CHECK) this.events.push(`silent ${!refused}`);
  }

  private giveOoms(): void {
    while (this.owed[0]?.kind === Pending.LOCAL_OOM) {
      this.owed.shift();
      this.client += OOM;
    }
  }
}

function outcomeOf(item: string): FollowUpReply {
  if (item.startsWith('-NOPERM')) return FollowUpReply.DENIED;
  if (item.startsWith('-')) return FollowUpReply.FAILED;
  return item === ':1\r\n' ? FollowUpReply.SET : FollowUpReply.UNCHANGED;
}
