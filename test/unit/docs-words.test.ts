// One word for one thing: documents, comments and names use the words of the glossary (ARCHITECTURE.md, Words), and not their
// synonyms. The files, functions and metrics that ARCHITECTURE, CONTRIBUTING and comments name exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import ts from 'typescript';
import { METRIC_GROUPS } from '../../src/surfaces/admin/metric-groups.js';
import { LABELS } from '../../src/surfaces/admin/metric-labels.js';

const ROOT = new URL('../../', import.meta.url);
/** A synonym, and the word for it. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/\bback-?\s?ends?\b/i, 'server'],
  [/\bupstream servers?\b/i, 'server'],
  [/\bthe upstream\b(?! (connection|sink))/i, 'the server'],
  [/\bdatastores?\b/i, 'server'],
  [/\bmasters?\b/i, 'primary'],
  [/\bslaves?\b/i, 'replica'],
  [/\bload[- ]shed/i, 'to shed'],
  [/\btime[- ]to[- ]live\b/i, 'TTL'],
  [/\b(black|white)lists?\b/i, 'rules'],
  [/\bhash ?tags?\b/i, '{tag}'],
  [/\b(memory )?watermarks?\b/i, 'band'],
  [/\bfaults? (of|in) Spillway\b/i, 'bug in Spillway'],
];
const ANY = new RegExp(INSTEAD.map(([{ source }]) => source).join('|'), 'i');
/** Names that belong to others: settings of the command line, words of Redis's and Sentinel's protocols. */
const NAMES_OF_OTHERS: ReadonlySet<string> = new Set(['upstreamServerName', 'master', 'slaves']);
/** Errors in Redis's own words, which clients compare. */
const ERRORS_OF_REDIS: ReadonlySet<string> = new Set(['ERR No such master with that name']);

t.test('no synonyms in the documents', async (t) => {
  const docs = readdirSync(new URL('docs/', ROOT)).filter((name) => name.endsWith('.md'));
  for (const name of ['README.md', 'CONTRIBUTING.md', ...docs.map((doc) => `docs/${doc}`)]) {
    t.same(synonymsIn(read(name), name), [], name);
  }
});

t.test('no synonyms in the comments, names and texts of src', async (t) => {
  const found: string[] = [];
  const names = new Map<string, string>();
  for (const source of sources()) {
    const text = read(source);
    // Parsing all of src takes seconds.
    if (!ANY.test(text) && !ANY.test(wordsOf(text))) continue;
    const parts = partsOf(text);
    found.push(...synonymsIn(parts.comments, source));
    for (const said of parts.texts.filter((text) => !ERRORS_OF_REDIS.has(text)))
      found.push(...synonymsIn(said.replace(/\b[A-Z]+\b|\w+:\w+/g, ''), source));
    for (const name of parts.names) names.set(name, source);
  }
  for (const name of NAMES_OF_OTHERS) t.ok(names.delete(name), `${name} is still used`);
  for (const [name, source] of names) found.push(...synonymsIn(wordsOf(name), source));
  t.same(found, []);
});

t.test('where synonyms are looked for', async (t) => {
  t.match(synonymsIn('a\nthe backend', 'x'), [/^x:2: say "server"/]);
  t.match(synonymsIn('the upstream answers', 'x'), [/^x:1: say "the server"/]);
  t.same(synonymsIn('`SENTINEL MASTER` and "slave", the upstream connection', 'x'), [], 'not in quotation');
  const { comments, names, texts } = partsOf(
    `const a = \`// it is \${b} d's\`; // c\nconst MASTER_HOST = '/* d'; /** e\n * f */`,
  );
  t.equal(comments, '// c\n/** e\n * f */', 'not in strings');
  t.same([...names], ['a', 'b', 'MASTER_HOST']);
  t.same(texts, ['// it is ']);
  t.equal(wordsOf('MASTER_HOST'), 'master host');
  t.equal(wordsOf('hashTagOf'), 'hash tag of');
});

t.test('each word of the glossary is explained once', async (t) => {
  const rows = [...sectionOf('Words').matchAll(/^\| ([^|]+) \|/gm)].map(([, word]) => word);
  const words = rows.filter((word) => word !== 'word');
  t.ok(words.length > 60);
  t.same(
    words.filter((word, i) => words.indexOf(word) !== i),
    [],
  );
});

t.test('the files that ARCHITECTURE names are there', async (t) => {
  const files = sources().map((name) => name.replace(/\.(ts|js)$/, ''));
  const folders = files.map((file) => file.replace(/\/[^/]+$/, ''));
  const there = (named: string) => [...files, ...folders].some((path) => path.endsWith(`/${named}`));
  const named = [...read('docs/ARCHITECTURE.md').matchAll(/`([a-z]+(?:\/[a-z0-9-]+)+)(?:\.js)?`/g)].map(
    ([, file]) => file,
  );
  t.ok(named.length > 100);
  t.same(
    named.filter((file) => !there(file)),
    [],
  );
});

t.test('the functions that ARCHITECTURE names are in the files beside them', async (t) => {
  const text = read('docs/ARCHITECTURE.md');
  const steps = [...text.matchAll(/^\| [^|]+ \| (`[a-z/`, -]+`) \| (`[A-Za-z`, ]+`) \|$/gm)];
  t.ok(steps.length >= 19, 'the steps of a SET');
  const besides = [...text.matchAll(/(`(?:…|[a-z]+)\/[a-z/-]+`)\s\((`[A-Za-z]+`(?:, `[A-Za-z]+`)*)\)/g)];
  t.ok(besides.length >= 9, 'a file, and functions in brackets');
  const all = sources();
  const known = new Map<string, ReadonlySet<string>>();
  const declaredBy = (named: string): ReadonlySet<string> => {
    const file = `/${named.replace('…/', '')}.ts`;
    const names = known.get(file) ?? declaredIn(read(all.find((path) => path.endsWith(file)) ?? named));
    known.set(file, names);
    return names;
  };
  for (const [row, files, functions] of [...steps, ...besides]) {
    const declared = quoted(files).flatMap((file) => [...declaredBy(file)]);
    t.same(
      quoted(functions).filter((name) => !declared.includes(name)),
      [],
      row,
    );
  }
});

t.test('the table of folders has each folder, and what it may import', async (t) => {
  const { forbidden } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as Cruiser;
  const folders = readdirSync(new URL('src/', ROOT), { withFileTypes: true }).filter((it) =>
    it.isDirectory(),
  );
  const rows = new Map(
    [...sectionOf('Folders').matchAll(/^\| `([a-z]+)` \| (.+) \| (.+) \|$/gm)].map(([, folder, ...cells]) => [
      folder,
      cells,
    ]),
  );
  t.same([...rows.keys()].sort(), folders.map(({ name }) => name).sort());
  const others = [...rows.keys()].filter((name) => name !== 'cli');
  for (const [folder, [holds, imports]] of rows) {
    const inside = readdirSync(new URL(`src/${folder}/`, ROOT), { withFileTypes: true });
    for (const it of inside)
      if (it.isDirectory()) t.ok(holds?.includes(`\`${it.name}\``), `${folder}/${it.name}`);
    if (folder === 'cli') continue;
    const rule = forbidden.find(({ from, to }) => from.path === `^src/${folder}/` && to.path === '^src/');
    const [, allowed = ''] = /\((.+)\)/.exec(rule?.to.pathNot ?? '') ?? [];
    const said =
      imports === 'all but cli'
        ? others
        : (imports ?? '')
            .replace('types of ', '')
            .split(', ')
            .filter((it) => it !== 'nothing');
    t.same(new Set(allowed.split('|')), new Set([folder, ...said]), folder);
  }
});

t.test('the files that comments in src name are there', async (t) => {
  const files = sources();
  const paths = files.map((name) => name.replace(/\.(ts|js)$/, ''));
  const folders = paths.map((path) => path.replace(/\/[^/]+$/, ''));
  const parts = new Set(folders.flatMap((folder) => folder.split('/')));
  const there = (end: string) => [...paths, ...folders].some((path) => `/${path}`.endsWith(`/${end}`));
  let count = 0;
  const missing: string[] = [];
  for (const file of files) {
    for (const [comment] of read(file).matchAll(/^\s*(?:\/\/|\/?\*).*$/gm)) {
      for (const [, path, name] of comment.matchAll(
        /(?<![\w./:-])(?:((?:[a-z]+\/)+[a-z][a-z0-9-]*)(?![\w(/])|([a-z][a-z0-9-]*)\.(?:ts|js)\b)/g,
      )) {
        if (path !== undefined && !parts.has(path.split('/')[0] as string)) continue;
        count++;
        if (!there((path ?? name) as string)) missing.push(`${file}: ${path ?? name}`);
      }
    }
  }
  t.ok(count > 100);
  t.same(missing, []);
});

t.test('the files that CONTRIBUTING names are there', async (t) => {
  const named = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|scripts|deploy|bench)\/[\w./-]+)`/g)]
    .map(([, file]) => file)
    .filter((file) => !file.includes('NAME'));
  t.ok(named.length > 30);
  t.same(
    named.filter((file) => !existsSync(new URL(file, ROOT))),
    [],
  );
});

t.test('a file of more than 300 lines says in its head why it is long', async (t) => {
  const long = sources().filter((name) => read(name).split('\n').length > 301);
  t.ok(long.length > 5);
  t.same(
    long.filter((name) => !/^(\/\/.*\n)*\/\/.*\bis long because\b/.test(read(name))),
    [],
  );
});

t.test('the links between documents lead somewhere', async (t) => {
  const folders = ['', 'docs/', 'deploy/', 'bench/'];
  const documents = folders.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT))
      .filter((name) => name.endsWith('.md'))
      .map((name) => folder + name),
  );
  const anchors = new Map(documents.map((name) => [name, anchorsIn(read(name))]));
  let count = 0;
  const dead: string[] = [];
  for (const document of documents) {
    for (const [, link] of withoutExamples(read(document)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      count++;
      const { pathname, hash } = new URL(link as string, new URL(document, ROOT));
      const name = pathname.slice(ROOT.pathname.length);
      const known = anchors.get(name);
      if (!existsSync(new URL(name, ROOT)) || (hash !== '' && known?.has(hash.slice(1)) === false))
        dead.push(`${document}: ${link}`);
    }
  }
  t.ok(count > 200);
  t.same(dead, []);
});

t.test('the metrics in the tables of bounds exist', async (t) => {
  const metrics = new Set(METRIC_GROUPS.flatMap(({ metrics }) => metrics.map(([, name]) => name)));
  const labels = Object.values(LABELS).join(' ');
  const rows = sectionOf('Bounds')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'));
  t.ok(rows.length > 40);
  for (const row of rows) {
    const cells = row.split('|').slice(1, -1);
    t.equal(cells.length, 4, row);
    for (const [, name, , value] of (cells[3] ?? '').matchAll(/`([a-z_]+)(\{[a-z]+="([^"]+)"\})?`/g)) {
      t.ok(metrics.has(name), `${name}: ${row}`);
      if (value !== undefined) t.ok(labels.includes(value), `${value}: ${row}`);
    }
  }
});

function read(name: string): string {
  return readFileSync(new URL(name, ROOT), 'utf8');
}

function sources(): string[] {
  return readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.generated.ts'));
}

interface Cruiser {
  readonly forbidden: readonly {
    readonly from: { path?: string };
    readonly to: { path?: string; pathNot?: string };
  }[];
}

function withoutExamples(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}

/** As GitHub makes them of headings. */
function anchorsIn(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutExamples(text).matchAll(/^#+ (.+)$/gm)) {
    const words = (heading as string).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let number = 0;
    while (anchors.has(number === 0 ? anchor : `${anchor}-${number}`)) number++;
    anchors.add(number === 0 ? anchor : `${anchor}-${number}`);
  }
  return anchors;
}

/** The words in backticks. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string);
}

/** The functions, methods and properties that a file declares. */
function declaredIn(text: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if ((ts.isClassElement(node) || ts.isFunctionDeclaration(node)) && node.name !== undefined)
      names.add(node.name.getText(file));
    ts.forEachChild(node, visit);
  };
  const file = ts.createSourceFile('x', text, ts.ScriptTarget.Latest);
  visit(file);
  return names;
}

function sectionOf(title: string): string {
  const text = read('docs/ARCHITECTURE.md');
  const begin = text.indexOf(`\n## ${title}\n`);
  if (begin === -1) throw new Error(`ARCHITECTURE has no section ${title}`);
  const end = text.indexOf('\n## ', begin + 1);
  return text.slice(begin, end === -1 ? undefined : end);
}

/** What is in quotation marks or backticks is somebody else's word. */
function synonymsIn(text: string, where: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    if (!ANY.test(line)) return [];
    const own = line.replace(/`[^`]*`|"[^"]*"/g, '');
    return INSTEAD.filter(([synonym]) => synonym.test(own)).map(
      ([, word]) => `${where}:${i + 1}: say "${word}": ${line.trim()}`,
    );
  });
}

interface Parts {
  /** The text with everything but comments and line ends left out. */
  readonly comments: string;
  /** The names that it uses. */
  readonly names: ReadonlySet<string>;
  /** What it says to people: its texts of several words. */
  readonly texts: readonly string[];
}

function partsOf(text: string): Parts {
  const file = ts.createSourceFile('x', text, ts.ScriptTarget.Latest);
  const names = new Set<string>();
  const texts: string[] = [];
  let code = '';
  let at = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    else if (
      ts.isStringLiteral(node) ||
      ts.isTemplateLiteralToken(node) ||
      ts.isRegularExpressionLiteral(node)
    ) {
      const start = node.getStart(file);
      if (!ts.isRegularExpressionLiteral(node) && node.text.split(' ').length >= 3) texts.push(node.text);
      code += text.slice(at, start) + blank(text.slice(start, node.end));
      at = node.end;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  code += text.slice(at);
  let end = 0;
  let comments = '';
  for (const { 0: comment, index } of code.matchAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g)) {
    comments += blank(code.slice(end, index)) + comment;
    end = index + comment.length;
  }
  return { comments, names, texts };
}

function blank(text: string): string {
  return text.replace(/[^\n]+/g, '');
}

/** "hash tag of" for hashTagOf. */
function wordsOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
}
