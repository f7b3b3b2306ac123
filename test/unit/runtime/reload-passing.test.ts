// A reload that fails for a reason that passes: what has changed is taken once it can be.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { ConfigError } from '../../../src/config/error.js';
import { configSchema } from '../../../src/config/schema.js';
import { EventLog } from '../../../src/observe/history/event-log.js';
import { Reloader } from '../../../src/runtime/reload.js';
import { until } from '../../support/wait.js';

for (const code of ['EMFILE', 'ENOANSWER', 'EACCES']) {
  t.test(`a file that the config names cannot be read: ${code}`, async (t) => {
    const folder = t.testdir({ 'proxy.json': 'old' });
    const file = path.join(folder, 'proxy.json');
    const config = compileConfig(configSchema.parse({}), {});
    let failing = true;
    let [tries, adopted] = [0, 0];
    const reloader = new Reloader(
      config,
      {
        file,
        text: 'old',
        async load() {
          tries++;
          if (!failing) return { config, warnings: [] };
          const cause = Object.assign(new Error(code), { code });
          throw new ConfigError('CONFIG_UNREADABLE', 'token', [{ where: '', message: code }], { cause });
        },
      },
      async () => {
        adopted++;
        return [];
      },
      pino({ level: 'silent' }),
      new EventLog(Date.now),
    );
    t.teardown(() => reloader.close());
    reloader.start();
    writeFileSync(file, 'new');
    await until(() => tries === 1);
    t.match(reloader.snapshot().lastError, { problems: [{ message: code }] });
    failing = false;
    // What makes it look again: the file itself has not changed since.
    writeFileSync(path.join(folder, 'other'), 'x');
    if (code === 'EACCES') {
      t.match(
        await reloader.reload('POST /api/reload'),
        { ok: true },
        'one that stays is tried when asked for',
      );
      return;
    }
    await until(() => adopted === 1);
    t.match(reloader.snapshot(), { reloads: 1, lastError: null });
  });
}
