// Whether a fresh own connection has the rights of a client that was let in without a login.
//
// Redis decides when it accepts a connection whether the connection is authenticated (clientSetDefaultAuth). Only AUTH, HELLO
// with AUTH, and RESET change that later. What Redis asks of each command is weaker (authRequired): while the default user needs
// no password, a connection runs commands although it is not authenticated, and loses this right with the next password. A
// login that fails changes nothing (ACLAuthenticateUser): the client keeps what it had, and that is not this connection.
// So the first command must show by its answer whether the connection is authenticated. One case shows nothing: the password is
// taken away after the server has accepted the connection and before it reads the first command.
import { type CommandSpec, ConnectionRole } from '../../commands/spec.js';

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
