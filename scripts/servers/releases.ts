// The servers that `npm run test:servers` runs on, and the Debian release that has each as a package.
// What no package has is named with what stands for it.

export interface Release {
  /** As it is asked for on the command line, and the name of its folder. */
  readonly name: string;
  /** Debian suite. */
  readonly suite: string;
  readonly packages: readonly string[];
  /** Name of the binary in those packages. */
  readonly binary: string;
  /** What INFO server must say: field and how its value begins. */
  readonly tells: readonly [field: string, begins: string];
}

const REDIS = ['redis-server', 'redis-tools'];
const VALKEY = ['valkey-server', 'valkey-tools'];
const redis = (name: string, suite: string, begins: string): Release => ({
  name: `redis-${name}`,
  suite,
  packages: REDIS,
  binary: 'redis-server',
  tells: ['redis_version', begins],
});
const valkey = (name: string, suite: string, begins: string): Release => ({
  name: `valkey-${name}`,
  suite,
  packages: VALKEY,
  binary: 'valkey-server',
  tells: ['valkey_version', begins],
});

export const RELEASES: readonly Release[] = [
  redis('6.0', 'bullseye', '6.0.'),
  redis('7.0', 'bookworm', '7.0.'),
  {
    name: 'redict-7.3',
    suite: 'bookworm-backports',
    packages: ['redict-server', 'redict-tools'],
    binary: 'redict-server',
    tells: ['redict_version', '7.3.'],
  },
  redis('8.0', 'trixie', '8.0.'),
  redis('8.6', 'experimental', '8.6.'),
  valkey('8.0', 'bookworm-backports', '8.0.'),
  valkey('8.1', 'trixie', '8.1.'),
  valkey('9.1', 'forky', '9.1.'),
];

/** Versions that are in use and that no Debian package has. */
export const NOT_TO_BE_HAD: readonly (readonly [version: string, why: string])[] = [
  ['Redis 6.2', 'no Debian release has it; 6.0 and 7.0 are the versions before and after it'],
  ['Redis 7.2', 'no Debian release has it; Redict 7.3 is a fork of Redis 7.2.4'],
  ['Redis 7.4', 'no Debian release has it; 8.0 is the version after it'],
];
