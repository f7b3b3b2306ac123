// Figures that runs leave for the docs: one JSON file for each run, kept in docs/figures.
// COMPATIBILITY.md and RELIABILITY.md are generated from them. Written only where SPILLWAY_FIGURES names the folder,
// so that an ordinary `npm test` changes nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Figure =
  | string
  | number
  | boolean
  | null
  | readonly Figure[]
  | { readonly [name: string]: Figure };

/** Keeps `figures` as NAME.json, with the day and the Node they were measured on. */
export function keepFigures(name: string, figures: { readonly [name: string]: Figure }): void {
  const folder = process.env.SPILLWAY_FIGURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const measured = { day: new Date().toISOString().slice(0, 10), node: process.versions.node, ...figures };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(measured, null, 2)}\n`);
}
