// Writes that go on until they are told to end: several patterns, through the proxy, as fast as they are answered.
import { Redis } from 'ioredis';

export interface Load {
  /** Ends it; resolves when all is answered. */
  stop(): Promise<void>;
}

export type Batch = (round: number) => readonly (readonly [key: string, value: string])[];

/** Each round sets what `batch` says, then pauses. Refusals are taken as answers. */
export function startLoad(port: number, connectionName: string, batch: Batch, pauseMs = 20): Load {
  const client = new Redis(port, { connectionName, enableReadyCheck: false });
  let going = true;
  const run = async (): Promise<void> => {
    for (let round = 0; going; round++) {
      const pipeline = client.pipeline();
      for (const [key, value] of batch(round)) pipeline.set(key, value);
      await pipeline.exec();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const ran = run();
  return {
    async stop() {
      going = false;
      await ran;
      client.disconnect();
    },
  };
}
