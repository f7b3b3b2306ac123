// Which commands install a Redis or Valkey server with each package manager. Pure tables; runs nothing.
// Invariant: no step ever starts, stops or configures a system service.

/** One command line, and whether the installation can go on when it fails. */
export interface InstallStep {
  readonly command: string;
  readonly args: readonly string[];
  readonly mayFail: boolean;
}

export interface PackageManager {
  /** Name of its executable. */
  readonly name: string;
  readonly needsRoot: boolean;
  /** Alternatives, in order: the first one whose steps succeed is enough. */
  readonly plans: readonly (readonly InstallStep[])[];
}

function step(command: string, args: string, mayFail = false): InstallStep {
  return { command, args: args.split(' '), mayFail };
}

const APT_INSTALL = '-o DPkg::Lock::Timeout=120 install -y --no-install-recommends';

/** In order of preference on a machine that has several. */
export const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    // Debian's redis-server package starts a service on port 6379; the same binary stands in redis-tools
    // (as redis-check-rdb, which looks at argv[0] to know what it is) without any service.
    name: 'apt-get',
    needsRoot: true,
    plans: [
      [
        step('apt-get', '-o DPkg::Lock::Timeout=120 update', true),
        step('apt-get', `${APT_INSTALL} redis-tools`),
      ],
      [step('apt-get', `${APT_INSTALL} valkey-tools`)],
    ],
  },
  {
    name: 'dnf',
    needsRoot: true,
    plans: [[step('dnf', 'install -y valkey')], [step('dnf', 'install -y redis')]],
  },
  {
    name: 'yum',
    needsRoot: true,
    plans: [[step('yum', 'install -y valkey')], [step('yum', 'install -y redis')]],
  },
  {
    name: 'apk',
    needsRoot: true,
    plans: [[step('apk', 'add --no-cache redis')], [step('apk', 'add --no-cache valkey')]],
  },
  {
    name: 'pacman',
    needsRoot: true,
    plans: [
      [step('pacman', '-S --noconfirm --needed valkey')],
      [step('pacman', '-Sy --noconfirm --needed valkey')],
    ],
  },
  {
    name: 'zypper',
    needsRoot: true,
    plans: [
      [step('zypper', '--non-interactive install redis')],
      [step('zypper', '--non-interactive install valkey')],
    ],
  },
  // Homebrew refuses to run as root.
  {
    name: 'brew',
    needsRoot: false,
    plans: [[step('brew', 'install redis')], [step('brew', 'install valkey')]],
  },
];

/** The last command of the first plan, as somebody would type it: for instructions. */
export function suggestion(manager: PackageManager): string {
  const steps = manager.plans[0] ?? [];
  const last = steps[steps.length - 1];
  if (last === undefined) return manager.name;
  return [...(manager.needsRoot ? ['sudo'] : []), last.command, ...last.args].join(' ');
}
