// Hides passwords in this process's command line, which `ps` shows to all users of the machine. It comes after the fact: a
// user who looked earlier has seen them.

const PASSWORD = /^((?:--?[\w-]+=)?[a-z]+:\/\/[^\s/:@]*:)[^\s@]+(?=@)/i;

/** Of the commands that talk to Redis directly; of others -a is the address of the admin server. */
const TOOLS = new Set(['analyze', 'doctor', 'init', 'sweep', 'watch']);
/** redis-cli's flag, with the password in the same word or in the next one. */
const FLAG = /^(-a|--pass=)(.+)$/;
const FLAG_ALONE = /^(?:-a|--pass)$/;

/** The arguments with the passwords of URLs and of -a hidden; undefined: there are none. */
export function hidePasswords(args: readonly string[]): string[] | undefined {
  const tool = args.findIndex((arg) => TOOLS.has(arg));
  const hidden = args.map((arg, i) => {
    if (tool >= 0 && i > tool) {
      if (FLAG_ALONE.test(args[i - 1])) return '***';
      if (FLAG.test(arg)) return arg.replace(FLAG, '$1***');
    }
    return arg.replace(PASSWORD, '$1***');
  });
  return hidden.some((arg, i) => arg !== args[i]) ? hidden : undefined;
}

/** Overwrites this process's command line if it contains a password. Returns whether it did. */
export function hideOwnPasswords(): boolean {
  const hidden = hidePasswords(process.argv);
  if (hidden === undefined) return false;
  process.title = [...process.execArgv, ...hidden].join(' ');
  return true;
}
