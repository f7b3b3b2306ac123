// redis-py, as Debian has it, through the proxy, beside redis-py on a direct connection. Its habits are in
// redis_py_cases.py; here they are played and compared. One python for each side: starting one takes long.
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { POOL } from '../../support/proxy.js';
import { type ClientCase, playCases } from './cases.js';
import { Program } from './program.js';
import { ensurePythonRedis } from './python-redis.js';
import { type Side, withSides } from './sides.js';

interface Answer {
  readonly saw?: unknown;
  readonly failed?: string;
  readonly kill?: boolean;
  readonly version?: string;
  readonly cases?: readonly string[];
}

const SCRIPT = fileURLToPath(new URL('redis_py_cases.py', import.meta.url));
/** These write by script. */
const SCRIPTED: ReadonlySet<string> = new Set(['scripts']);

/** A python that plays cases at one side. */
class Player {
  readonly side: Side;
  readonly #program: Program;
  #read = 0;

  constructor(python: string, side: Side) {
    this.side = side;
    this.#program = new Program(python, [SCRIPT, String(side.port)], (close) =>
      t.teardown(() => void close()),
    );
  }

  /** Its next line. */
  async answer(): Promise<Answer> {
    const at = this.#read++;
    const output = await this.#program.says((stdout) => stdout.split('\n').length > at + 1);
    return JSON.parse(output.split('\n')[at] ?? '') as Answer;
  }

  async play(name: string): Promise<unknown> {
    this.#program.write(`${name}\n`);
    let answer = await this.answer();
    if (answer.kill) {
      await this.side.redis.kill('SIGKILL');
      // Else the client may send on a connection that the proxy is about to end. With command pooling an idle one is kept.
      if (POOL === 'session') await this.side.quiet();
      await this.side.revive();
      this.#program.write('done\n');
      answer = await this.answer();
    }
    if (answer.failed !== undefined) throw new Error(answer.failed);
    return answer.saw;
  }
}

const python = await ensurePythonRedis((line) => t.comment(line));
const sides = await withSides(t);
const players = new Map(sides.map((side) => [side, new Player(python, side)]));
const greetings = await Promise.all([...players.values()].map((player) => player.answer()));
const { version = '', cases = [] } = greetings[0] ?? {};

await playCases<Player | undefined>(t, {
  ...{ name: 'redis-py', client: 'redis-py', version, protocol: 'RESP2', sides },
  cases: cases.map(
    (name): ClientCase<Player | undefined> => ({
      name: name.replaceAll('_', ' '),
      scripted: SCRIPTED.has(name),
      run: async (player) => player?.play(name),
    }),
  ),
  tools: (side) => players.get(side),
});
