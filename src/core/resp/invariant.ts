// What holds whatever clients and servers send. Where it does not hold Spillway itself has a fault, and nothing right
// can be done any more for the client that it happened to: the throw ends that client's session (session/session.ts).
// It stands in the leftmost folder of the core, so all of the core can use it.

export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

/** Always checked: for what costs no more than a comparison. @throws BrokenInvariant saying `what` must hold. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenInvariant(what);
}

/**
 * `if (!holds) broken(what)` is invariant() for what is checked with each command or reply: V8 inlines no call that never
 * happens, while each invariant() takes from the bytecode that it may inline into one function, and others are called then.
 * @throws BrokenInvariant saying `what` must hold, always
 */
export function broken(what: string): never {
  throw new BrokenInvariant(what);
}

/** What costs more is checked in tests, which switch this on. */
export const checks = { thorough: false };
