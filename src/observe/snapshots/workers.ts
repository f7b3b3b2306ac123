// What the API says of the processes that serve clients: field names are an API. Owns shapes only.

/** One process that serves clients. */
export interface WorkerSnapshot {
  /** 1 and up: whoever takes the place of another has its number. */
  worker: number;
  pid: number;
  clients: number;
  upSeconds: number;
  residentBytes: number;
  /** User and system time since it started. */
  cpuSeconds: number;
  /** Lines of its log that could not be written. */
  logLinesLost: number;
}

/** GET /api/workers. */
export interface WorkersSnapshot {
  configured: number;
  running: number;
  /** Workers that ended, and had to be replaced. */
  restarts: number;
  /** Workers that did not report in time: their figures are of their last report. */
  silent: number;
  /** Of all processes since the start, the primary and those that have ended included. */
  logLinesLost: number;
  workers: WorkerSnapshot[];
}
