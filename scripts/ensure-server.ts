// Makes sure that a Redis or Valkey server is there before the tests run, in the same way as the demo does.
import { ensureServerBinary } from '../src/cli/local-server/server-binary.js';

try {
  const binary = await ensureServerBinary((line) => console.error(line));
  console.error(`tests use ${binary}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
