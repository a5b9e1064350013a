const UUID_LENGTH = 36;

/** Reads IDs that are each followed by a letter. */
export function parseLetters(text: string): Map<string, string> {
  const letters = new Map<string, string>();
  for (let at = 0; at < text.length; at += UUID_LENGTH + 1)
    letters.set(text.slice(at, at + UUID_LENGTH), text[at + UUID_LENGTH] ?? '');
  return letters;
}

/** Reads pairs of IDs. */
export function parsePairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at < text.length; at += 2 * UUID_LENGTH)
    pairs.set(text.slice(at, at + UUID_LENGTH), text.slice(at + UUID_LENGTH, at + 2 * UUID_LENGTH));
  return pairs;
}
