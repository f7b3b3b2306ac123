// Bundles each test file with everything of ours that it imports into one file of plain JavaScript. To load some 300 modules and
// their source maps one by one costs half a second of CPU time for each file, and tsx compiles each of them anew. Packages stay
// outside; the few that nearly every file loads are bundled, too, each into one file that all of them share: tap alone is 200
// modules, 0.2 s for each file. source-maps.mjs reads the map beside a bundle when something fails.
// Invariants: `import.meta.url` stays that of the source in tests, so that they find what is beside them; what src reads beside
// itself is copied. Types are checked by `npm run lint`, not here.
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const INTO = '.tap/compiled';
/** What src starts as a process of its own. */
const PROCESSES = ['src/runtime/workers/worker-main.ts'];
/** Packages that are bundled: written as modules, and nothing beside them is read at run time. */
const BUNDLED = ['fast-check', 'tap', 'zod'];

const MODULES = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'error',
} as const;

/** Bundles these files, named from `root`; returns where the JavaScript of one of them is. */
export async function compileTests(
  root: string,
  files: readonly string[],
): Promise<(file: string) => string> {
  const into = path.join(root, INTO);
  // tap leaves what is in a folder of this name out of the stacks that it prints.
  const packages = path.join(into, 'node_modules/@tapjs');
  await bundlePackages(root, packages);
  const compiled = (file: string): string => path.join(into, file.replace(/\.ts$/, '.js'));
  await build({
    absWorkingDir: root,
    entryPoints: [...new Set(files), ...PROCESSES],
    outdir: into,
    outbase: '.',
    packages: 'external',
    sourcemap: 'external',
    sourcesContent: false,
    ...MODULES,
    plugins: [
      {
        name: 'bundled-packages',
        setup: ({ onResolve }) =>
          onResolve({ filter: new RegExp(`^(${BUNDLED.join('|')})$`) }, ({ path: name }) => ({
            path: pathToFileURL(path.join(packages, `${name}.js`)).href,
            external: true,
          })),
      },
      {
        name: 'own-url',
        setup: ({ onLoad }) =>
          onLoad({ filter: /[\\/](src|test|bench|scripts)[\\/].*\.ts$/ }, ({ path: file }) => ({
            loader: 'ts',
            contents: readFileSync(file, 'utf8').replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(urlOf(file)).href),
            ),
          })),
      },
    ],
  });
  function urlOf(file: string): string {
    const name = path.relative(root, file);
    return name.startsWith(`src${path.sep}`) ? compiled(name) : file;
  }
  cpSync(path.join(root, 'src'), path.join(into, 'src'), {
    recursive: true,
    filter: (file) => !file.endsWith('.ts'),
  });
  cpSync(path.join(root, 'package.json'), path.join(into, 'package.json'));
  // What the package exports is what was built, for a test that imports it by its name.
  const dist = path.join(into, 'dist');
  rmSync(dist, { force: true });
  symlinkSync(path.join(root, 'dist'), dist);
  return compiled;
}

/** Writes each of them to `into`, under its name. */
async function bundlePackages(root: string, into: string): Promise<void> {
  const bundles = BUNDLED.map((name) =>
    build({
      ...MODULES,
      absWorkingDir: root,
      stdin: { contents: `export * from '${name}'; export { default } from '${name}';`, resolveDir: root },
      outfile: path.join(into, `${name}.js`),
      // It starts processes with files beside its own.
      external: ['@tapjs/processinfo'],
      // What is no module asks for what Node has.
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
      },
    }),
  );
  await Promise.all(bundles);
}
