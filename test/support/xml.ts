// Whether a text is well-formed XML, as far as what this project writes goes: elements, attributes in double quotes,
// the five named entities. Comments, CDATA, processing instructions and a DOCTYPE count as wrong: it writes none.

const NAME = '[A-Za-z_][A-Za-z0-9_.:-]*';
const TAG = new RegExp(`<(/?)(${NAME})((?:\\s+${NAME}="[^"<]*")*)\\s*(/?)>`, 'y');
const TEXT = /[^<>]+/y;
const STRAY_AMPERSAND = /&(?!(?:amp|lt|gt|quot|apos);)/;

/** What is wrong with `text`, and where; undefined when it is well-formed. */
export function xmlFault(text: string): string | undefined {
  const open: string[] = [];
  let roots = 0;
  let place = 0;
  const stray = STRAY_AMPERSAND.exec(text);
  if (stray !== null) return `a stray & at ${stray.index}`;
  while (place < text.length) {
    const isTag = text[place] === '<';
    const pattern = isTag ? TAG : TEXT;
    pattern.lastIndex = place;
    const match = pattern.exec(text);
    if (match === null) return `neither tag nor text at ${place}`;
    place = pattern.lastIndex;
    if (!isTag) {
      if (open.length === 0 && match[0].trim() !== '') return `text outside the root before ${place}`;
      continue;
    }
    const [, closing, name, attributes, empty] = match as unknown as [string, string, string, string, string];
    const names = [...attributes.matchAll(new RegExp(`(${NAME})=`, 'g'))].map(([, attribute]) => attribute);
    if (new Set(names).size < names.length) return `an attribute twice before ${place}`;
    if (closing === '/') {
      if (open.pop() !== name || names.length > 0 || empty === '/')
        return `</${name}> out of place before ${place}`;
      continue;
    }
    if (open.length === 0 && ++roots > 1) return `a second root before ${place}`;
    if (empty === '') open.push(name);
  }
  if (open.length > 0) return `<${open.at(-1)}> is never closed`;
  return roots === 1 ? undefined : 'no root';
}
