// How the first command on a fresh own connection shows whether that has the client's rights.
import t from 'tap';
import { arityFits } from '../../../src/core/commands/spec.js';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { Proof, proofBy } from '../../../src/core/session/pooling/own-proof.js';

const table = defaultCommandTable();

const PROOFS: Readonly<Record<string, Proof>> = {
  'AUTH secret': Proof.TRIAL,
  'auth admin secret': Proof.TRIAL,
  'HELLO 3 AUTH admin secret': Proof.TRIAL,
  'HELLO 2 SETNAME me': Proof.TRIAL,
  // Refused before the server looks at rights.
  AUTH: Proof.TRIAL,
  'MULTI now': Proof.TRIAL,
  WATCH: Proof.TRIAL,
  HELLO: Proof.ANSWER,
  'HELLO 3': Proof.ANSWER,
  RESET: Proof.ANSWER,
  QUIT: Proof.ANSWER,
  MULTI: Proof.ANSWER,
  'WATCH k': Proof.ANSWER,
  'SUBSCRIBE c': Proof.ANSWER,
  'BLPOP q 0': Proof.ANSWER,
  EXEC: Proof.HELLO,
  // A module may know it, as may a later server.
  NOSUCH: Proof.HELLO,
};

t.test('each first command that proves the rights, or does not', async (t) => {
  for (const [line, proof] of Object.entries(PROOFS)) {
    const words = line.split(' ');
    const name = Buffer.from(words[0]);
    const spec = table.find(name, 0, name.length);
    const fits = spec !== undefined && arityFits(spec.arity, words.length);
    t.equal(proofBy(spec, fits, words.length), proof, line);
  }
});
