// Where the core sends bytes: a socket's write batch, or an array in a test.

export interface ByteSink {
  /** Takes buf[start, end), and has copied it when it returns: the bytes may come from memory that is used again at once. */
  write(buf: Uint8Array, start: number, end: number): void;
}

export const NOWHERE: ByteSink = { write() {} };
