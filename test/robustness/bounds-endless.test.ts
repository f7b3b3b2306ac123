// Lines without end cost no more memory than stated; the sizes are small here, see bounds-full.ts.
import t from 'tap';
import { ENDLESS } from './bound/endless.js';
import { judge } from './bound/judge.js';

judge(t, ENDLESS);
