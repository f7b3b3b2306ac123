// Whether Spillway sheds, in words. Pure.

/** `armed: with noeviction …` while nothing is refused, `on: …` while something is, `off: …` if Spillway never sheds here. */
export function sheddingText(reason: string, refusing: boolean): string {
  return refusing ? reason : reason.replace(/^on:/, 'armed:');
}
