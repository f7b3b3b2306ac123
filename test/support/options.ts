// Numbers from the command lines of the benchmarks.

/** @throws Error naming the flag when the text is no whole number above 0. */
export function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${flag} ${text}: must be a whole number above 0`);
}
