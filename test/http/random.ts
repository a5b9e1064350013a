/** A pseudorandom generator seeded by a text, so that both executors get the same values in any order of calls. */
export interface Random {
  below(limit: number): number;
  oneIn(odds: number): boolean;
  of<T>(choices: readonly T[]): T;
}

export function randomOf(text: string): Random {
  let state = 2_166_136_261;
  for (const character of text) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16_777_619);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, oneIn: (odds) => below(odds) === 0, of: (choices) => choices[below(choices.length)] as never };
}
