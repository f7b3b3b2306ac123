// Hides passwords in this process's command line, which `ps` shows to all users of the machine. It comes after the fact: a
// user who looked earlier has seen them.

const PASSWORD = /^((?:--?[\w-]+=)?[a-z]+:\/\/[^\s/:@]*:)[^\s@]+(?=@)/i;

/** The arguments with the passwords of URLs hidden; undefined: there are none. */
export function hidePasswords(args: readonly string[]): string[] | undefined {
  if (!args.some((arg) => PASSWORD.test(arg))) return undefined;
  return args.map((arg) => arg.replace(PASSWORD, '$1***'));
}

/** Overwrites this process's command line if it contains a password. Returns whether it did. */
export function hideOwnPasswords(): boolean {
  const hidden = hidePasswords(process.argv);
  if (hidden === undefined) return false;
  process.title = [...process.execArgv, ...hidden].join(' ');
  return true;
}
