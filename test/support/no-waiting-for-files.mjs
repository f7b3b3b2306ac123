// For `node --import`: once the file that SPILLWAY_NO_WAITING names is there, nothing in this process may wait for a file
// any more: reading one synchronously throws. A file system that hangs, which cannot be had in a test, would hold it up.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const from = process.env.SPILLWAY_NO_WAITING;
const { existsSync } = fs;
for (const name of [
  'openSync',
  'readSync',
  'readFileSync',
  'statSync',
  'lstatSync',
  'fstatSync',
  'readdirSync',
  'accessSync',
]) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (existsSync(from)) throw new Error(`${name} waits for ${args[0]}`);
    return original(...args);
  };
}
syncBuiltinESMExports();
