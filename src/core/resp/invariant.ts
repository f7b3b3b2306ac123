// Checks of invariants that hold whatever clients and servers send. A broken invariant is a bug in Spillway, after which it
// cannot serve the client correctly: the throw ends that client's session (session/session.ts).
// It is in the leftmost folder of the core, so that all of the core can use it.

export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

/** Always checked, so only for conditions that cost no more than a comparison. @throws BrokenInvariant, which names `what` */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenInvariant(what);
}

/**
 * `if (!holds) broken(what)` replaces invariant() in checks of each command or reply. V8 does not inline a call that never
 * happens, while each invariant() uses up a part of the bytecode that V8 inlines into one function.
 * @throws BrokenInvariant, which names `what`, always
 */
export function broken(what: string): never {
  throw new BrokenInvariant(what);
}

/** Tests switch this on, for checks that cost more. */
export const checks = { thorough: false };
