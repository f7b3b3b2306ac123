// The questions about one key that several programs ask, encoded once. None of them counts as a use of the key, and none
// returns its value.
import { type KeyCommand, keyCommand } from './batch.js';

export const PTTL = keyCommand(['PTTL']);
export const TYPE = keyCommand(['TYPE']);
export const ENCODING = keyCommand(['OBJECT', 'ENCODING']);
export const IDLETIME = keyCommand(['OBJECT', 'IDLETIME']);
export const FREQ = keyCommand(['OBJECT', 'FREQ']);
/** In the server's error to IDLETIME or FREQ: its policy keeps what the other one asks for. */
export const OTHER_POLICY = /LFU maxmemory policy/i;

/** `samples`: how many elements of a collection the server looks at; without it five, Redis's default. */
export function memoryUsage(samples?: number): KeyCommand {
  return keyCommand(['MEMORY', 'USAGE'], samples === undefined ? [] : ['SAMPLES', String(samples)]);
}
