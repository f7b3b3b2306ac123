// Three hosts of a test's own, in network namespaces: clients, the proxy, the server, with a link between the first two
// and one between the last two whose packets are dropped at will. A second pair of links, never troubled, is for looking.
// What is dropped is dropped by the receiving host: the sender learns nothing, as on a real network and never on loopback.
// Owns the namespaces; those of a process that was killed are removed by the next one. Needs root, iproute2 and nftables.
import { spawnSync } from 'node:child_process';

const PREFIX = 'spillway-';
const HOSTS = ['clients', 'proxy', 'server'] as const;
export type Host = (typeof HOSTS)[number];

/** The links by name, which their devices carry too, and the hosts at their ends. */
const LINKS = {
  front: ['clients', 'proxy'],
  back: ['proxy', 'server'],
  aside: ['clients', 'proxy'],
  behind: ['clients', 'server'],
} as const;
export type LinkName = keyof typeof LINKS;

/** How a host is reached by a link. */
export function addressOf(link: LinkName, host: Host): string {
  const ends: readonly Host[] = LINKS[link];
  return `10.77.${Object.keys(LINKS).indexOf(link)}.${ends.indexOf(host) + 1}`;
}

export class Namespaces {
  private constructor(private readonly tag: string) {}

  /** @throws Error saying why there can be none here. */
  static create(): Namespaces {
    removeStale();
    const net = new Namespaces(`${PREFIX}${process.pid}-`);
    try {
      for (const host of HOSTS) run('ip', 'netns', 'add', net.nameOf(host));
      for (const [link, [one, other]] of Object.entries(LINKS)) {
        const peer = ['peer', 'name', link, 'netns', net.nameOf(other)];
        run('ip', 'link', 'add', link, 'netns', net.nameOf(one), 'type', 'veth', ...peer);
        for (const host of [one, other]) {
          net.in(host, 'ip', 'addr', 'add', `${addressOf(link as LinkName, host)}/24`, 'dev', link);
          net.in(host, 'ip', 'link', 'set', link, 'up');
        }
      }
      for (const host of HOSTS) {
        net.in(host, 'ip', 'link', 'set', 'lo', 'up');
        net.in(host, 'nft', 'add table inet f; add chain inet f in { type filter hook input priority 0; }');
      }
    } catch (error) {
      net.remove();
      throw error;
    }
    return net;
  }

  /** Those that another process has made, whose `name` says which. */
  static join(name: string): Namespaces {
    return new Namespaces(name);
  }

  /** For join(). */
  get name(): string {
    return this.tag;
  }

  /** A program with its arguments, as it is started on `host`. */
  on(host: Host, ...command: string[]): [program: string, ...args: string[]] {
    return ['ip', 'netns', 'exec', this.nameOf(host), ...command];
  }

  /** Drops what `host` gets by `link`, all of it or some percent. */
  drop(link: LinkName, host: Host, percent = 100): void {
    const some = percent < 100 ? `numgen random mod 100 < ${percent} ` : '';
    this.in(host, 'nft', `add rule inet f in iifname ${link} ${some}drop`);
  }

  /** Drops what `host` gets by `link` from these ports, which are those of connections that stand. */
  dropFrom(link: LinkName, host: Host, ports: readonly number[]): void {
    this.in(host, 'nft', `add rule inet f in iifname ${link} tcp sport { ${ports.join(', ')} } drop`);
  }

  /** Takes the cable out at `host`, or puts it in. */
  plug(link: LinkName, host: Host, how: 'up' | 'down'): void {
    this.in(host, 'ip', 'link', 'set', link, how);
  }

  /** Packets that `host` sends by `link` take longer. @throws Error where the kernel has no netem. */
  delay(link: LinkName, host: Host, ms: number, jitterMs: number): void {
    this.in(
      host,
      'tc',
      'qdisc',
      'replace',
      'dev',
      link,
      'root',
      'netem',
      'delay',
      `${ms}ms`,
      `${jitterMs}ms`,
    );
  }

  hurry(link: LinkName, host: Host): void {
    this.in(host, 'tc', 'qdisc', 'del', 'dev', link, 'root');
  }

  /** Nothing is dropped any more. */
  heal(): void {
    for (const host of HOSTS) this.in(host, 'nft', 'flush chain inet f in');
  }

  remove(): void {
    for (const host of HOSTS) spawnSync('ip', ['netns', 'del', this.nameOf(host)]);
  }

  private nameOf(host: Host): string {
    return this.tag + host;
  }

  private in(host: Host, ...command: string[]): void {
    run(...this.on(host, ...command));
  }
}

function removeStale(): void {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const name of (stdout ?? '').split('\n').map((line) => line.split(' ')[0] ?? '')) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) spawnSync('ip', ['netns', 'del', name]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
