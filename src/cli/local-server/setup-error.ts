// The one error of finding, installing and starting a private server: a code for programs, and for people a text
// that says what failed, where, and what to do next.

export type SetupErrorCode =
  /** SPILLWAY_REDIS_SERVER names something that is no executable file. */
  | 'ERR_SERVER_BINARY'
  /** No server on this machine, and no package manager that Spillway knows. */
  | 'ERR_NO_PACKAGE_MANAGER'
  /** A package manager is here, but neither root nor passwordless sudo. */
  | 'ERR_NO_PRIVILEGE'
  /** The package manager ran and failed, or brought no server. */
  | 'ERR_INSTALL_FAILED'
  /** The server was started and did not come up; the message carries its last log lines. */
  | 'ERR_SERVER_START';

export class ServerSetupError extends Error {
  override readonly name = 'ServerSetupError';
  readonly code: SetupErrorCode;

  constructor(code: SetupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
