// Measures several things in turn, round by round, so that what else the machine does meets all of them alike.

/**
 * Runs `measure` for every item in each round. Each round starts with another item, so that none always follows the
 * same one. The result is in the order of `items`: what each gave, by round.
 */
export async function inTurn<Item, Sample>(
  rounds: number,
  items: readonly Item[],
  measure: (item: Item, round: number) => Promise<Sample>,
): Promise<Sample[][]> {
  const samples: Sample[][] = items.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < items.length; i++) {
      const turn = (i + round) % items.length;
      samples[turn]?.push(await measure(items[turn] as Item, round));
    }
  }
  return samples;
}
