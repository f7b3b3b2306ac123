// Slow readers cost no more memory than stated; the sizes are small here, see bounds-full.ts.
import t from 'tap';
import { judge } from './bound/judge.js';
import { SLOW_READERS } from './bound/slow-readers.js';

judge(t, SLOW_READERS);
