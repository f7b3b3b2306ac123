// Why Spillway takes no new command from a client: it drains its clients, or a pause waits for another primary. An open
// transaction may go on to its EXEC in both, except in a pause of all.
// A drain that begins during a stall still sends held commands that get no reply, and a CLIENT REPLY that asks for silence. The
// first dropped command must be one that gets a reply: by the missing reply the client notices that the command is lost.
// Owns these two decisions; drops and holds nothing itself.
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';
import { isReply } from '../state/reply-silence.js';
import type { Intake } from './intake.js';

/** Bits of one number, so that the hot path tests one field. */
const Stop = { DRAIN: 1, PAUSE: 2, PAUSE_ALL: 4 } as const;

export class Stops {
  /** Bits of Stop; 0: nothing stops. */
  private bits = 0;
  /** The drain began during a stall, and has not dropped a command yet. */
  private sendsSilenced = false;
  /** The held command that waits gets no reply, or asks for silence. */
  private holdsSilenced = false;

  constructor(
    private readonly args: RequestScanner,
    private readonly intake: Intake,
    private readonly protocol: ProtocolState,
  ) {}

  /** Takes no further command, except those of an open transaction, and held ones that get no reply. */
  drain(): void {
    this.bits |= Stop.DRAIN;
    this.sendsSilenced = this.intake.stalled;
  }

  /** Takes no new command until unpause(), except those of an open transaction; with `all`, not even these. */
  pause(all: boolean): void {
    this.bits |= all ? Stop.PAUSE | Stop.PAUSE_ALL : Stop.PAUSE;
  }

  unpause(): void {
    this.bits &= ~(Stop.PAUSE | Stop.PAUSE_ALL);
  }

  get isPaused(): boolean {
    return this.bits >= Stop.PAUSE;
  }

  /** Whether the command under scan must wait. */
  get forbidsCommand(): boolean {
    const { bits } = this;
    if (bits === 0) return false;
    if (bits >= Stop.PAUSE_ALL) return true;
    if (this.protocol.inMulti) return false;
    if (bits >= Stop.PAUSE) return true;
    return !this.sendsSilenced || !this.isSilenced;
  }

  /** Whether a pause forbids continuing with the held bytes. */
  get forbidsRest(): boolean {
    if (!this.isPaused) return false;
    return this.bits >= Stop.PAUSE_ALL || this.intake.raw || !this.protocol.inMulti;
  }

  /** The command under scan is held. */
  held(): void {
    this.holdsSilenced = this.isSilenced;
  }

  /** A stall has ended, or begun again. */
  resumed(): void {
    if (!this.intake.stalled) this.sendsSilenced = false;
  }

  /** A held command will go up despite the drain. */
  get owesSilenced(): boolean {
    return this.sendsSilenced && this.holdsSilenced && this.intake.stalled;
  }

  /** Whether the command under scan gets no reply: because of an earlier CLIENT REPLY, or because it asks for silence itself. */
  private get isSilenced(): boolean {
    const { args } = this;
    return this.protocol.silence.any || isReply(args, 'OFF') || isReply(args, 'SKIP');
  }
}
