// Bundles each test file with everything of ours that it imports into one file of plain JavaScript. To load some 300 modules and
// their source maps one by one costs half a second of CPU time for each file, and tsx compiles each of them anew. Packages stay
// outside; source-maps.mjs reads the map beside a bundle when something fails.
// Invariants: `import.meta.url` stays that of the source in tests, so that they find what is beside them; what src reads beside
// itself is copied. Types are checked by `npm run lint`, not here.
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const INTO = '.tap/compiled';
/** What src starts as a process of its own. */
const PROCESSES = ['src/runtime/workers/worker-main.ts'];

/** Bundles these files, named from `root`; returns where the JavaScript of one of them is. */
export async function compileTests(
  root: string,
  files: readonly string[],
): Promise<(file: string) => string> {
  const into = path.join(root, INTO);
  const compiled = (file: string): string => path.join(into, file.replace(/\.ts$/, '.js'));
  await build({
    absWorkingDir: root,
    entryPoints: [...new Set(files), ...PROCESSES],
    outdir: into,
    outbase: '.',
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'error',
    plugins: [
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
