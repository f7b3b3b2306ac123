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

/** What costs more is checked in tests, which switch this on. */
export const checks = { thorough: false };
