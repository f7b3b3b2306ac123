// A folder of a test's own, gone with it.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestScope } from './redis.js';

/** Its path ends in letters of its own behind `name`. */
export function withFolder(t: Pick<TestScope, 'teardown'>, name = 'spillway-test-'): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), name));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
