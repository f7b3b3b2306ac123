// Watches the highest used_memory of a Redis while a run goes on.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface MemoryMaximum {
  maximum: number;
  samples: number;
}

/** Resolves once the first reading is in; call the result to end it and to have what it saw. */
export async function startSampler(redisPort: number): Promise<() => Promise<MemoryMaximum>> {
  const child = fork(fileURLToPath(new URL('sampler-process.ts', import.meta.url)), [String(redisPort)]);
  await once(child, 'message');
  return async () => {
    child.send('end');
    const [seen] = (await once(child, 'message')) as [MemoryMaximum];
    return seen;
  };
}
