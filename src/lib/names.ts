import unhomoglyph from 'unhomoglyph';

/** Scripts in which a zero-width joiner or non-joiner between two letters is part of the spelling. */
const JOINED = [
  'Arabic',
  'Syriac',
  'Devanagari',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Oriya',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
]
  .map((script) => `\\p{Script=${script}}`)
  .join('');

/** Invisible characters where they change what a reader sees: in emoji, in joined scripts, and after ideographs. */
const NEEDED = [
  String.raw`(?<=\p{Extended_Pictographic})\ufe0f`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=[${JOINED}])[\u200c\u200d](?=[${JOINED}])`,
  String.raw`(?<=\p{Ideographic})[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]`,
].join('|');

/**
 * One line without control characters and line breaks, which could forge log lines or terminal output. Also without
 * invisible and bidirectional characters, which make two names look the same, and without halves of surrogate pairs,
 * which PostgreSQL replaces.
 */
export const SINGLE_LINE = new RegExp(
  String.raw`^(?:[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff9-\ufffb]|${NEEDED})*$`,
  'u',
);

/**
 * Matches the empty text, and a text with a character that a reader can see. Spaces, combining marks and the empty Braille
 * cell cannot be seen.
 */
export const VISIBLE = /^$|[^\s\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * What a name looks like: the skeletons of Unicode Technical Standard 39, section 4, also without marks. In three cases,
 * because “I” looks like “l”, and “i” does not.
 */
const appearancesOf = (name: string): string[] => {
  const plain = name.normalize('NFKC');
  return [plain, plain.toLowerCase(), plain.toUpperCase()].map((text) =>
    unhomoglyph(text.normalize('NFD').replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, ''))
      .normalize('NFD')
      .toLowerCase(),
  );
};

/** Returns whether a name can be mistaken for one of these. */
export function lookalikes(names: Iterable<string>): (name: string) => boolean {
  const known = new Set([...names].flatMap(appearancesOf));
  return (name) => appearancesOf(name.trim()).some((appearance) => known.has(appearance));
}
