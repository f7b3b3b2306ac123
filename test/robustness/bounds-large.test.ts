// Large values and arrays cost no more memory than stated; the sizes are small here, see bounds-full.ts.
import t from 'tap';
import { judge } from './bound/judge.js';
import { LARGE } from './bound/large.js';

judge(t, LARGE);
