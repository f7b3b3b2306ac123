// The snapshot of the processes that serve clients. Field names are an API. Types only.

/** One process that serves clients. */
export interface WorkerSnapshot {
  /** 1 and up; a new worker has the number of the one that it replaces. */
  worker: number;
  pid: number;
  clients: number;
  upSeconds: number;
  residentBytes: number;
  /** User and system time since it started. */
  cpuSeconds: number;
  /** Log lines that it could not write. */
  logLinesLost: number;
}

/** GET /api/workers. */
export interface WorkersSnapshot {
  configured: number;
  running: number;
  /** Workers that ended and were replaced. */
  restarts: number;
  /** Workers that did not report in time; their figures come from their last report. */
  silent: number;
  /** Of all processes since the start, including the primary and ended workers. */
  logLinesLost: number;
  workers: WorkerSnapshot[];
}
