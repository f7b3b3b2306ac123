// What this process takes of the machine.

export interface Usage {
  readonly upSeconds: number;
  readonly residentBytes: number;
  /** User and system time since the start. */
  readonly cpuSeconds: number;
}

export function ownUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    upSeconds: process.uptime(),
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
  };
}
