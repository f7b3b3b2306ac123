// Where the core sends bytes: a socket's write batch, or an array in a test.

export interface ByteSink {
  /** Takes buf[start, end). It has copied the bytes when it returns: their memory may be reused at once. */
  write(buf: Uint8Array, start: number, end: number): void;
}

export const NOWHERE: ByteSink = { write() {} };
