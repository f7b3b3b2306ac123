// Whether a fresh own connection has the rights of a client that was let in without a login.
//
// Redis decides when it accepts a connection whether the connection is authenticated (clientSetDefaultAuth). Only AUTH, HELLO
// with AUTH, and RESET change that later. What Redis asks of each command is weaker (authRequired): while the default user needs
// no password, a connection runs commands although it is not authenticated, and loses this right with the next password. A
// login that fails changes nothing (ACLAuthenticateUser): the client keeps what it had, and that is not this connection.
// So the first command must show by its answer whether the connection is authenticated. One case shows nothing: the password is
// taken away after the server has accepted the connection and before it reads the first command.
//
//   fresh ── begin() ─▶ due ── first() ─┬─ its answer shows the rights ─▶ none
//                        ▲              └─ on trial ─┬─ taken: shown() ──▶ none
//                        │                           └─ refused() ─┬─ the client leaves the connection ─▶ none
//                        └─────────────────────────────────────────┴─ it stays
//
// Pure. The answers come from UpstreamState, the moves are Placement's. Invariant: a connection that is not fresh, or that
// nobody doubts, puts no command on trial.
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';
import { invariant } from '../../resp/invariant.js';

/** How the first command on such a connection shows what rights the connection has. */
export const Proof = {
  /** By its answer: NOAUTH. RESET makes the connection like a new one, and QUIT is the last command. */
  ANSWER: 0,
  /** It may be answered without regard to rights, and leave something on the connection: a HELLO goes up ahead of it. */
  HELLO: 1,
  /**
   * The command logs in, or is refused before the server looks at rights. If it is refused, Spillway gives the connection up, and
   * the client goes on with what it had. HELLO must not go ahead of a login (CommandRouter.waitsToLogIn).
   */
  TRIAL: 2,
} as const;
export type Proof = (typeof Proof)[keyof typeof Proof];

/** Words of a HELLO that is no login: the name and the version. */
const BARE_HELLO = 2;

/** Whether a command with this role and `argc` words may be a login. */
export function mayLogIn(role: ConnectionRole, argc: number): boolean {
  return role === ConnectionRole.AUTH || (role === ConnectionRole.HELLO && argc > BARE_HELLO);
}

/** `spec`: the command, if it is known; `fits`: it has the right number of arguments, `argc` with its name. */
export function proofBy(spec: CommandSpec | undefined, fits: boolean, argc: number): Proof {
  // EXEC is refused with EXECABORT (server.c, rejectCommand).
  if (spec === undefined || (fits && spec.role === ConnectionRole.EXEC)) return Proof.HELLO;
  return !fits || mayLogIn(spec.role, argc) ? Proof.TRIAL : Proof.ANSWER;
}

/** What becomes of a client whose command on trial was refused. */
export const Refusal = {
  /** It leaves the connection, which must end, and goes on with what it had. */
  LEAVES: 0,
  /** It stays, because the command may have left something there; the next command is the first one. */
  STAYS: 1,
  /** It would have to stay, and the connection may have the rights of another login. */
  HAS_OTHER_RIGHTS: 2,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

const State = { NONE: 0, DUE: 1, TRIAL: 2 } as const;
type State = (typeof State)[keyof typeof State];

export class OwnProof {
  private state: State = State.NONE;
  private asNext = false;

  /** The next command must show what rights the connection has. */
  get isDue(): boolean {
    return this.state === State.DUE;
  }

  /** That command is under way, and its answer decides about the connection. */
  get isOnTrial(): boolean {
    return this.state === State.TRIAL;
  }

  /**
   * The client gets a fresh own connection. `asNext`: made with the login that comes next, not with the client's; `isDoubted`:
   * made without a login, for a client that was let in without one.
   */
  begin(asNext: boolean, isDoubted: boolean): void {
    this.asNext = asNext;
    this.state = asNext || isDoubted ? State.DUE : State.NONE;
  }

  /** The first command goes up. Returns how it shows the rights; see proofBy(). */
  first(spec: CommandSpec | undefined, fits: boolean, argc: number): Proof {
    invariant(this.isDue, 'only a fresh connection has its rights to show');
    const proof = proofBy(spec, fits, argc);
    this.state = proof === Proof.TRIAL ? State.TRIAL : State.NONE;
    return proof;
  }

  /** The same of a command that streams. It is not on trial: HELLO goes ahead of a login and is answered before that. */
  firstLarge(spec: CommandSpec | undefined, argc: number): typeof Proof.ANSWER | typeof Proof.HELLO {
    const proof = this.first(spec, true, argc);
    this.state = State.NONE;
    return proof === Proof.ANSWER ? Proof.ANSWER : Proof.HELLO;
  }

  /** The connection has shown that it has the client's rights, or the client now has those of the connection. */
  shown(): void {
    if (this.isOnTrial) this.state = State.NONE;
  }

  /** The command on trial is answered, and nothing has shown(). `mayLeave`: nothing holds the client on this connection. */
  refused(mayLeave: boolean): Refusal {
    invariant(this.isOnTrial, 'only a command on trial decides about its connection');
    const stays = !mayLeave && !this.asNext;
    this.state = stays ? State.DUE : State.NONE;
    if (mayLeave) return Refusal.LEAVES;
    return stays ? Refusal.STAYS : Refusal.HAS_OTHER_RIGHTS;
  }
}
