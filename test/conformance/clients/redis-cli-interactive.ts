// redis-cli while somebody watches it: on a terminal, subscribed, monitoring. Each case returns the whole dialog.
import type { ClientCase } from './cases.js';
import type { Program } from './program.js';
import type { CliTools } from './redis-cli-modes.js';

const PROMPT = /(\[\d+\])?(\(TX\))?> $/;

/** Types each line when the prompt is back; returns what the terminal showed. */
async function talk(terminal: Program, ...typed: string[]): Promise<string> {
  let read = 0;
  const prompted = (stdout: string) => stdout.length > read && PROMPT.test(stdout);
  for (const line of typed) {
    read = (await terminal.says(prompted)).length;
    terminal.write(`${line}\n`);
  }
  return terminal.says(prompted);
}

export const cliInteractive: readonly ClientCase<CliTools>[] = [
  {
    name: 'on a terminal: prompts for databases and transactions, HELLO 3, errors',
    async run({ terminal }) {
      const shown = await talk(
        terminal(),
        ...['set a 1', 'MULTI', 'incr a', 'EXEC', 'select 3', 'get none', 'MULTI', 'set only-a-key', 'EXEC'],
        ...['hello 3 setname me', 'hset h f v', 'hgetall h', 'client getname', 'discard', 'nosuch', '2 ping'],
        ...['expire h 100', 'config get maxmemory-policy', 'reset', 'exists a'],
      );
      return shown.replace(/"id" => \(integer\) \d+/, '"id" => ID');
    },
  },
  ...(['RESP2', 'RESP3'] as const).map((protocol): ClientCase<CliTools> => {
    const args = protocol === 'RESP3' ? ['-3'] : [];
    return {
      name: `on a terminal: SUBSCRIBE, PSUBSCRIBE and MONITOR, ${protocol}`,
      async run({ terminal, side }) {
        const subscribed = terminal(...args);
        await subscribed.says((stdout) => PROMPT.test(stdout));
        subscribed.write('psubscribe n* m*\n');
        await subscribed.says((stdout) => stdout.includes('"m*"'));
        for (let i = 0; i < 20; i++) await side.look.call('PUBLISH', 'news', `message ${i}`);
        const heard = await subscribed.says((stdout) => stdout.includes('message 19'));
        const single = terminal(...args, 'subscribe', 'one', 'two');
        await single.says((stdout) => stdout.includes('"two"'));
        await side.look.call('PUBLISH', 'two', 'bytes \0 \xff');
        return [heard, await single.says((stdout) => stdout.includes('bytes'))];
      },
    };
  }),
  {
    name: 'not on a terminal: SUBSCRIBE, MONITOR',
    async run({ start, run }) {
      const subscribed = start('subscribe', 'news');
      await subscribed.says((stdout) => stdout.includes('subscribe\nnews\n1\n'));
      const monitor = start('monitor');
      await monitor.says((stdout) => stdout.includes('OK'));
      const heard = await run(['publish', 'news', 'hello']);
      const seen = await monitor.says((stdout) => stdout.includes('"publish"'));
      return [
        ...[heard, await subscribed.says((stdout) => stdout.includes('hello'))],
        /\[0 127.0.0.1:\d+\] ("publish".*)/.exec(seen)?.[1],
      ];
    },
  },
];
