// Many clients, idle, in a hurry or stopped, cost no more memory than stated; the sizes are small here, see
// bounds-full.ts.
import t from 'tap';
import { CROWDS } from './bound/crowds.js';
import { judge } from './bound/judge.js';

judge(t, CROWDS);
