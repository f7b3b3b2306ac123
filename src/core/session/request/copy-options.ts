// The options of COPY source destination [DB number] [REPLACE].
import { equalsIgnoreCase, readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';

export interface CopyOptions {
  /** undefined: the database of the source. */
  readonly db: number | undefined;
  readonly replaces: boolean;
}

/** The options of the command under scan. If the server will refuse them, the result means nothing. */
export function readCopy({ buf, starts, ends, argc, parsed }: RequestScanner): CopyOptions {
  let db: number | undefined;
  let replaces = false;
  for (let i = 3; i < Math.min(argc, parsed); i++) {
    if (equalsIgnoreCase(buf, starts[i], ends[i], 'REPLACE')) replaces = true;
    else if (equalsIgnoreCase(buf, starts[i], ends[i], 'DB') && i + 1 < argc) {
      i++;
      db = Math.max(0, readPositiveInteger(buf, starts[i], ends[i]));
    }
  }
  return { db, replaces };
}
