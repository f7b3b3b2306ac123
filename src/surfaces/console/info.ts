// The format of Redis's INFO, so that programs that read INFO can read this: `# Section` and `name:value` lines. A value
// with several fields is `name:a=1,b=2`, as in INFO keyspace. Pure.

/** One `# Title` with the fields of `values`; lists are left out. */
export function infoSection(title: string, values: object): string {
  const lines = Object.entries(values)
    .map(([name, value]) => [snake(name), asText(value)] as const)
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `${name}:${text}\r\n`);
  return `# ${title}\r\n${lines.join('')}`;
}

/** undefined: the value does not fit on a line. */
function asText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return scalar(value);
  if (Array.isArray(value)) return undefined;
  return Object.entries(value)
    .map(([name, field]) => [snake(name), scalar(field)] as const)
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `${name}=${text}`)
    .join(',');
}

/** An unknown value is empty. */
function scalar(value: unknown): string | undefined {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number' || typeof value === 'string') return String(value).replace(/[\r\n]/g, ' ');
  return undefined;
}

/** `bytesFromClients` → `bytes_from_clients`. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
