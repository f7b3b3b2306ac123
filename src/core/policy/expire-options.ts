// Reads the options after EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT (expire.c, parseExtendedExpireArgumentsOrReply).
import { equalsIgnoreCase } from '../resp/bytes.js';
import type { RequestScanner } from '../resp/request-scanner.js';

const Option = { NX: 1, XX: 2, GT: 4, LT: 8 } as const;
const WORDS = Object.entries(Option);
/** They contradict each other. */
const BOTH = Option.GT | Option.LT;
const FIRST = 3;

export class ExpireOptions {
  private seen = 0;

  /** Reads the options of the command under scan; false: there are none, or Redis refuses them. */
  read({ buf, starts, ends, argc }: RequestScanner): boolean {
    this.seen = 0;
    for (let i = FIRST; i < argc; i++) {
      let option = 0;
      for (const [word, bit] of WORDS) if (equalsIgnoreCase(buf, starts[i], ends[i], word)) option = bit;
      if (option === 0) return false;
      this.seen |= option;
    }
    const { seen } = this;
    return seen !== 0 && (seen === Option.NX || (seen & Option.NX) === 0) && (seen & BOTH) !== BOTH;
  }

  /** NX. */
  get onlyIfNone(): boolean {
    return this.seen === Option.NX;
  }

  /** XX or GT: these do nothing to a key without a TTL. */
  get wantsTtl(): boolean {
    return (this.seen & (Option.XX | Option.GT)) !== 0;
  }
}
