// What `ps` shows of this process: the command line, as it was given, for all users of the machine.
// Owns the look of a URL with a password in an argument. It is a remedy after the fact: whoever looked before has seen it.

const PASSWORD = /^((?:--?[\w-]+=)?[a-z]+:\/\/[^\s/:@]*:)[^\s@]+(?=@)/i;

/** The arguments with passwords in URLs made unreadable; undefined: there are none. */
export function hidePasswords(args: readonly string[]): string[] | undefined {
  if (!args.some((arg) => PASSWORD.test(arg))) return undefined;
  return args.map((arg) => arg.replace(PASSWORD, '$1***'));
}

/** Overwrites the command line of this process where a password stands in it. Returns whether one did. */
export function hideOwnPasswords(): boolean {
  const hidden = hidePasswords(process.argv);
  if (hidden === undefined) return false;
  process.title = [...process.execArgv, ...hidden].join(' ');
  return true;
}
