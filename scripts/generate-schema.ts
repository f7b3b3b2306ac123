// Writes proxy.schema.json from the zod schema; with --check writes nothing and exits 1 when the file differs.
// The JSON Schema serves editors only: it describes the file, checks across fields stay with src/config/schema.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { configSchema } from '../src/config/schema.js';

const file = new URL('../proxy.schema.json', import.meta.url);

/** The text of proxy.schema.json. */
function generate(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  const head = {
    $schema,
    title: 'Spillway configuration',
    $comment: 'Generated from src/config/schema.ts by scripts/generate-schema.ts: change those instead.',
  };
  return `${JSON.stringify({ ...head, ...schema }, null, 2)}\n`;
}

function onDisk(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const text = generate();
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (onDisk() !== text) {
  console.error(
    'proxy.schema.json is not what src/config/schema.ts says; run: npx tsx scripts/generate-schema.ts',
  );
  process.exitCode = 1;
}
