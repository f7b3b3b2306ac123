// What it costs to find a command's row in the table by its name.
import { defaultCommandTable } from '../../src/core/commands/table.js';
import type { MicroCase } from './case.js';

export function identifyCases(): MicroCase[] {
  const table = defaultCommandTable();
  return ['GET', 'set', 'ZREVRANGEBYSCORE', 'nosuchcommand'].map((name) => {
    const bytes = Buffer.from(name);
    return { what: name, commands: 1, run: () => table.find(bytes, 0, bytes.length) };
  });
}
