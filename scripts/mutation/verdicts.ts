// What tests said of a mutant, kept for later runs: one that a test has noticed is noticed for good, and tests that let it pass
// are asked again only when one of them changes. So a run that was cut short goes on where it was.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export type Fate = 'killed' | 'timed out' | 'survived';

export class Verdicts {
  private readonly known = new Map<string, Fate>();

  /** @param file where they are kept, one a line */
  constructor(private readonly file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    for (const line of lines) {
      const [key, fate] = line.split(' = ');
      if (key !== undefined && fate !== undefined) this.known.set(key, fate as Fate);
    }
  }

  /** @param judges fingerprints of the tests */
  recall(mutant: string, judges: readonly string[]): Fate | undefined {
    return this.known.get(keyOf(mutant)) ?? this.known.get(keyOf(mutant, judges));
  }

  add(mutant: string, judges: readonly string[], fate: Fate): void {
    const key = fate === 'survived' ? keyOf(mutant, judges) : keyOf(mutant);
    this.known.set(key, fate);
    appendFileSync(this.file, `${key} = ${fate}\n`);
  }
}

function keyOf(mutant: string, judges: readonly string[] = []): string {
  const hash = createHash('sha1').update(mutant);
  for (const judge of judges) hash.update(`\0${judge}`);
  return hash.digest('hex');
}
