// Shows the progress of a long walk on standard error: one line in place on a terminal, a line now and then elsewhere.
// Owns the line while it is drawn. Draws only a few times a second.
import { countText, percentText } from '../../core/words.js';
import { InPlace, isAddressable } from './in-place.js';

const DRAW_EVERY_MS = 100;
const SAY_EVERY_MS = 10_000;
/** The window over which the speed is measured. */
const SPEED_OVER_MS = 5000;

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream;
  /** The unit, such as "keys". */
  readonly unit: string;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

export class Progress {
  private readonly screen: InPlace | undefined;
  private readonly clock: () => number;
  private title = '';
  private total = 0;
  private done = 0;
  private note: string | undefined;
  private shownAt: number;
  private speedFrom: { at: number; done: number };
  private speedTo: { at: number; done: number };

  constructor(private readonly options: ProgressOptions) {
    this.clock = options.clock ?? (() => performance.now());
    this.screen = isAddressable(options.stream) ? new InPlace(options.stream) : undefined;
    this.shownAt = this.clock();
    this.speedFrom = { at: this.shownAt, done: 0 };
    this.speedTo = this.speedFrom;
  }

  /** A new walk begins; `total` is the expected count, which may turn out wrong. */
  begin(title: string, total: number): void {
    this.title = title;
    this.total = total;
    this.done = 0;
    this.speedFrom = { at: this.clock(), done: 0 };
    this.speedTo = this.speedFrom;
  }

  advance(by: number): void {
    this.done += by;
    const now = this.clock();
    if (now - this.shownAt < (this.screen === undefined ? SAY_EVERY_MS : DRAW_EVERY_MS)) return;
    this.show(now);
  }

  /** Why the walk waits; undefined: it goes on. */
  waiting(note: string | undefined): void {
    if (this.note === note) return;
    this.note = note;
    const now = this.clock();
    const due = this.screen !== undefined || (note !== undefined && now - this.shownAt >= SAY_EVERY_MS);
    if (due) this.show(now);
  }

  /** A line that stays. */
  say(line: string): void {
    this.screen?.clear();
    this.options.stream.write(`${line}\n`);
  }

  /** Erases the line and shows the cursor. */
  close(): void {
    this.screen?.clear();
  }

  private show(now: number): void {
    this.shownAt = now;
    const line = this.line(now);
    if (this.screen === undefined) this.options.stream.write(`${line}\n`);
    else this.screen.draw([line]);
  }

  private line(now: number): string {
    const { title, total, done, note } = this;
    const share = total > 0 ? ` of ${countText(total)} (${percentText(Math.min(1, done / total))})` : '';
    const parts = [title, `${countText(done)}${share} ${this.options.unit}`];
    const speed = this.speed(now);
    if (speed > 0) {
      parts.push(`${countText(speed)}/s`);
      if (total > done) parts.push(`${timeText((total - done) / speed)} left`);
    }
    if (note !== undefined) parts.push(`waiting: ${note}`);
    return parts.join('  ');
  }

  private speed(now: number): number {
    if (now - this.speedTo.at > SPEED_OVER_MS) {
      this.speedFrom = this.speedTo;
      this.speedTo = { at: now, done: this.done };
    }
    const ms = now - this.speedFrom.at;
    return ms < DRAW_EVERY_MS ? 0 : ((this.done - this.speedFrom.done) * 1000) / ms;
  }
}

/** 45 s, 12 min, 3 h 5 min. */
function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
