// Whether a text is well-formed XML, as browsers insist on for SVG.
import { SaxesParser } from 'saxes';

/** What is wrong with `text`, and where; undefined when it is well-formed. */
export function xmlFault(text: string): string | undefined {
  let fault: string | undefined;
  const parser = new SaxesParser();
  parser.on('error', ({ message }) => {
    fault ??= message;
  });
  parser.write(text).close();
  return fault;
}
