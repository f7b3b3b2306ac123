// Writes docs/RELIABILITY.md: each promise, the tests that check it, and the figures that the last full runs left in
// docs/figures. With --check it writes nothing and exits 1 when the document differs.
// It never fills in a figure that is not there, and refuses to name a test that does not exist.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PROMISES } from './reliability-promises.js';

const ROOT = new URL('../', import.meta.url);
const DOCUMENT = new URL('docs/RELIABILITY.md', ROOT);

const HEAD = `<!-- Generated from docs/figures by scripts/generate-reliability.ts: change scripts/reliability-promises.ts, or measure again. -->

# Reliability

The promises of Spillway, the tests that check each of them, and the figures of the last long runs.

The tests are part of \`npm run test:all\`, in sizes that take minutes. Long runs by script (\`npm run robustness\`, with each
kind of pooling) produce the figures. All tests use a real Redis on a machine with two cores, which the load, the proxy and the server share: use
the figures for comparison, not for sizing. [ARCHITECTURE.md](ARCHITECTURE.md) explains how Spillway keeps these promises,
[COMPATIBILITY.md](COMPATIBILITY.md) what a client can still notice.
`;

/** Throws when a promise names a test file that is gone, or a title that it does not hold. */
function mustExist(file: string, title: string | undefined): void {
  const url = new URL(`test/${file}`, ROOT);
  if (!existsSync(url)) throw new Error(`docs/RELIABILITY.md: there is no test/${file}`);
  if (title !== undefined && !readFileSync(url, 'utf8').includes(title)) {
    throw new Error(`docs/RELIABILITY.md: test/${file} has no test "${title}"`);
  }
}

function testsOf(tests: readonly (readonly [file: string, title?: string])[]): string {
  return tests
    .map(([file, title]) => {
      mustExist(file, title);
      const link = `[${file.replace(/^.*\//, '')}](../test/${file})`;
      return title === undefined ? link : `${link}: “${title}”`;
    })
    .join('; ');
}

/** undefined: there are no such figures. */
function textOf(file: string, text: (figures: unknown) => string): string | undefined {
  const url = new URL(`docs/figures/${file}.json`, ROOT);
  return existsSync(url) ? text(JSON.parse(readFileSync(url, 'utf8'))) : undefined;
}

/** The text of docs/RELIABILITY.md. */
function generate(): string {
  const parts = PROMISES.map(({ heading, promises, figures }) => {
    const rows = promises.map(({ promise, tests }) => `| ${promise} | ${testsOf(tests)} |`);
    return [
      `## ${heading}`,
      ['| promise | tests |', '| --- | --- |', ...rows].join('\n'),
      ...figures.flatMap(({ file, text }) => [
        textOf(file, text) ?? `Not measured yet (\`docs/figures/${file}.json\`).`,
        textOf(`${file}-command`, text)?.replace('Last run', 'With command pooling') ?? [],
      ]),
    ].join('\n\n');
  });
  return `${HEAD}\n${parts.join('\n\n')}\n`;
}

const text = generate();
if (!process.argv.includes('--check')) {
  writeFileSync(DOCUMENT, text);
} else if (!existsSync(DOCUMENT) || readFileSync(DOCUMENT, 'utf8') !== text) {
  console.error('docs/RELIABILITY.md is not up to date; run: npx tsx scripts/generate-reliability.ts');
  process.exitCode = 1;
}
