// `spillway report`: shows what the rules did in the last hour, and what observing rules would have done; then what the
// policy advisor says.
import type { Environment } from '../config/overrides.js';
import type { AdviceSnapshot } from '../observe/advice/snapshot.js';
import type { Report } from '../observe/history/report.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import { asking } from './ask.js';
import { ExitCode } from './exit.js';
import { lifetimeLines } from './lifetime-lines.js';
import type { AskOptions } from './options.js';
import { drawAdvice } from './policy-table.js';
import { drawReport } from './tables.js';
import { createPaint } from './terminal/paint.js';

export interface ReportOptions extends AskOptions {
  readonly window: string;
}

export async function reportCommand(options: ReportOptions, env: Environment): Promise<ExitCode> {
  return asking(options, env, async (client) => {
    const report = await client.get<Report>(`/api/report?window=${encodeURIComponent(options.window)}`);
    const paint = createPaint(process.stdout);
    const text = options.json
      ? JSON.stringify(report, null, 2)
      : [
          drawReport(report, paint),
          ...lifetimeLines((await client.get<StatsSnapshot>('/api/stats')).rules),
          ...drawAdvice(await client.get<AdviceSnapshot>('/api/advice'), paint),
        ].join('\n\n');
    process.stdout.write(`${text}\n`);
    return ExitCode.OK;
  });
}
