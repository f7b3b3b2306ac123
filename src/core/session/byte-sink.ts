// Where the core sends bytes: a socket's write batch, or an array in a test.

/** Spans shorter than this are copied before write() returns, so they may come from scratch memory. */
export const COPIED_BELOW = 4096;

export interface ByteSink {
  /**
   * Takes buf[start, end). Spans of COPIED_BELOW bytes and more may be kept until they are sent: the caller must
   * not change them afterwards.
   */
  write(buf: Uint8Array, start: number, end: number): void;
}

export const NOWHERE: ByteSink = { write() {} };
