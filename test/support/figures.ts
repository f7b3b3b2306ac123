// Figures that runs leave for the docs: one JSON file for each run, kept in docs/figures.
// COMPATIBILITY.md and RELIABILITY.md are generated from them. Written only where SPILLWAY_FIGURES names the folder,
// so that an ordinary `npm test` changes nothing.
// Invariant: figures of command pooling never replace those of session pooling, however a run was started.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Figure =
  | string
  | number
  | boolean
  | null
  | readonly Figure[]
  | { readonly [name: string]: Figure };
type Figures = { readonly [name: string]: Figure };

/** Keeps `figures` as NAME.json, with the day and the Node they were measured on; those of command pooling as NAME-command.json. */
export function keepFigures(name: string, figures: Figures, env: NodeJS.ProcessEnv = process.env): void {
  const folder = env.SPILLWAY_FIGURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const measured = { day: new Date().toISOString().slice(0, 10), node: process.versions.node, ...figures };
  const pool = env.SPILLWAY_POOL ?? 'session';
  const file = pool === 'session' ? name : `${name}-${pool}`;
  writeFileSync(path.join(folder, `${file}.json`), `${JSON.stringify(measured, null, 2)}\n`);
}

/** Keeps the figures of a long run, with the command that repeats it. */
export function keepRun(
  name: string,
  figures: Figures,
  { env, argv }: Pick<NodeJS.Process, 'env' | 'argv'> = process,
): void {
  const settings = Object.entries(env)
    .filter(([variable, value]) => value !== undefined && /^SPILLWAY_(?!FIGURES$)/.test(variable))
    .filter(([variable, value]) => variable !== 'SPILLWAY_POOL' || value !== 'session')
    .map(([variable, value]) => `${variable}=${value}`)
    .sort();
  const [file = '', ...args] = argv.slice(1);
  const command = [...settings, 'npx tsx', path.relative('.', file), ...args].join(' ');
  keepFigures(name, { ...figures, command }, env);
}
