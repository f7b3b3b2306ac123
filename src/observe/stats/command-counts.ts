// How often each command wrote a rule's keys. A row for each rule; a cell for each of the first commands by id, and one for all
// others. Counting allocates nothing.
import type { CommandSpec } from '../../core/commands/spec.js';
import { extended } from './cells.js';

/** Commands with this id or a higher one are counted together, as OTHER_COMMANDS. */
const COMMAND_IDS = 512;
const COMMAND_WIDTH = COMMAND_IDS + 1;
const OTHER_COMMANDS = 'other';

export class CommandCounts {
  private cells = new Float64Array(COMMAND_WIDTH);
  private readonly names: string[] = new Array<string>(COMMAND_IDS).fill('');
  /** No command with this id or a higher one has been seen. */
  private ids = 0;

  /** A row out of range is ignored. */
  count(row: number, command: CommandSpec): void {
    const id = Math.min(command.id, COMMAND_IDS);
    if (id < COMMAND_IDS && this.names[id] === '') this.name(id, command.name);
    this.cells[row * COMMAND_WIDTH + id]++;
  }

  /** By name, only commands that were seen. */
  of(row: number): Record<string, number> {
    const counts: Record<string, number> = {};
    const first = row * COMMAND_WIDTH;
    for (let id = 0; id < this.ids; id++) {
      if (this.cells[first + id] > 0) counts[this.names[id]] = this.cells[first + id];
    }
    const others = this.cells[first + COMMAND_IDS];
    if (others > 0) counts[OTHER_COMMANDS] = others;
    return counts;
  }

  /** Has this many rows from now on; there are never fewer than before. */
  extend(rows: number): void {
    this.cells = extended(this.cells, rows * COMMAND_WIDTH);
  }

  /** The same as of(), and resets the row. */
  takeRow(row: number): Record<string, number> {
    const counts = this.of(row);
    this.cells.fill(0, row * COMMAND_WIDTH, (row + 1) * COMMAND_WIDTH);
    return counts;
  }

  /**
   * Adds a row of another process. Commands are matched by name: an instance that adds must not count itself, because its
   * command ids may differ.
   */
  addRow(row: number, counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts))
      this.cells[row * COMMAND_WIDTH + this.idOf(name)] += count;
  }

  /** The cell of a command that another process counted. */
  private idOf(name: string): number {
    if (name === OTHER_COMMANDS) return COMMAND_IDS;
    const known = this.names.indexOf(name);
    const id = known < 0 ? this.names.indexOf('') : known;
    if (id < 0) return COMMAND_IDS;
    this.name(id, name);
    return id;
  }

  private name(id: number, name: string): void {
    this.names[id] = name;
    this.ids = Math.max(this.ids, id + 1);
  }
}
