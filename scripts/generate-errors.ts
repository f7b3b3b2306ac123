// Writes docs/ERRORS.md from src/core/resp/client-errors.ts and docs/EXIT-CODES.md from src/cli/exit.ts; with --check writes
// nothing and exits 1 when a document differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { EXIT_STATUS, type ExitStatus } from '../src/cli/exit.js';
import { CLIENT_ERRORS, type ClientError } from '../src/core/resp/client-errors.js';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function errors(): string {
  const rows = (Object.values(CLIENT_ERRORS) as ClientError[]).map(
    ({ text, words, when, executed, advice }) => [`\`${text}\``, words, when, executed, advice],
  );
  return `<!-- Generated from src/core/resp/client-errors.ts by scripts/generate-errors.ts: change that instead. -->

# Errors that Spillway sends to clients

These are all the error replies that Spillway itself sends. Every other error that a client sees comes from the server
and passes unchanged. Texts in Redis's words are the same as Redis's own, byte for byte, so that client libraries treat them alike.

${table(['error', 'words of', 'when', 'command executed', 'what to do'], rows)}

If Spillway cannot send a correct reply, it closes the client's connection without an error: when the server has closed that
client's connection, or a shared connection ended after part of a reply had been delivered. It also closes a client after
\`limits.idleTimeout\`, at the end of \`limits.drainTimeout\`, and with command pooling the client with the most unread
replies when these exceed 128 MB. [COMPATIBILITY.md](COMPATIBILITY.md) lists what else a client can notice.
`;
}

function exitCodes(): string {
  const sections = (Object.values(EXIT_STATUS) as ExitStatus[]).map(({ commands, about, rows }) =>
    [
      `## ${commands.map((command) => `\`${command}\``).join(', ')}`,
      ...(about === undefined ? [] : [`${about[0].toUpperCase()}${about.slice(1)}.`]),
      table(
        ['code', 'meaning'],
        rows.map(([code, meaning]) => [String(code), meaning]),
      ),
    ].join('\n\n'),
  );
  return `<!-- Generated from src/cli/exit.ts by scripts/generate-errors.ts: change that instead. -->

# Exit codes

A supervisor may restart Spillway after 1 and should not after 64 and 78: those stay until somebody changes the command
line or the configuration. A second SIGINT or SIGTERM ends any command at once.

${sections.join('\n\n')}
`;
}

const DOCUMENTS = { 'docs/ERRORS.md': errors(), 'docs/EXIT-CODES.md': exitCodes() };

for (const [name, text] of Object.entries(DOCUMENTS)) {
  const document = new URL(`../${name}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(document, text);
  else if (!existsSync(document) || readFileSync(document, 'utf8') !== text) {
    console.error(`${name} is not up to date; run: npx tsx scripts/generate-errors.ts`);
    process.exitCode = 1;
  }
}
