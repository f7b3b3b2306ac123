// Reads the live stream beside the page, so that what the page shows of a second can be held against what the API said
// of that very second.
import type { LiveSnapshot } from '../../src/observe/snapshots/live.js';

export interface LiveTap {
  /** What was said at that time, as `stats.takenAt` has it. */
  readonly byTime: ReadonlyMap<string, LiveSnapshot>;
  close(): void;
}

export async function tapLive(adminPort: number, headers?: Record<string, string>): Promise<LiveTap> {
  const end = new AbortController();
  const response = await fetch(`http://127.0.0.1:${adminPort}/api/stream`, {
    signal: end.signal,
    ...(headers && { headers }),
  });
  const byTime = new Map<string, LiveSnapshot>();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const read = async (): Promise<void> => {
    let text = '';
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data === undefined) continue;
        const live = JSON.parse(data) as LiveSnapshot;
        byTime.set(live.stats.takenAt, live);
      }
    }
  };
  // Its end, by abort or with the server, is no news.
  read().catch(() => {});
  return { byTime, close: () => end.abort() };
}
