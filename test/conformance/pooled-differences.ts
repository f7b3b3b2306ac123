// What differs where clients share upstream connections, beyond what may differ anyway: by name of the pipeline or
// scenario, with the reason. Told in docs/COMPATIBILITY.md. Everything else is compared with either pooling.
import { POOL } from '../support/proxy.js';

const POOLED_DIFFERENCES: Readonly<Record<string, string>> = {
  'an HTTP request':
    'Redis closes a connection on which it sees an HTTP header, and what it has answered in the same turn is lost. ' +
    'The request line is answered on a shared connection before.',
};

/** Whether the case of this name can be compared under the pooling that the tests run with. */
export function comparable(name: string): boolean {
  return POOL !== 'command' || !Object.hasOwn(POOLED_DIFFERENCES, name);
}
