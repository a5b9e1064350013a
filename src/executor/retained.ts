import type { DocumentNode } from 'graphql';

/**
 * Measured bytes of heap. A token includes its node of the syntax tree and their locations; a planned field includes its
 * functions and selections, and those of its statement with the kept texts. Documents whose variables select fields have
 * several plans, and use the most: 320 for a token, and up to 2,000 for each field.
 */
const BYTES = { token: 350, field: 1_500, document: 2_000 };

/** Number of planned fields for a document without tokens. Short documents need several plans too. */
const MIN_FIELDS = 32;

export function tokensOf({ loc }: DocumentNode): number {
  let tokens = 0;
  for (let token = loc?.startToken ?? null; token; token = token.next) tokens += 1;
  return tokens;
}

/** Maximum number of fields in the plans of a document. */
export const maxFieldsOf = (document: DocumentNode): number => MIN_FIELDS + tokensOf(document);

/** Estimated bytes that a document uses while it is kept, with all plans that it may have. */
export const retainedBytes = (document: DocumentNode): number =>
  BYTES.document +
  2 * (document.loc?.source.body.length ?? 0) +
  BYTES.token * tokensOf(document) +
  BYTES.field * maxFieldsOf(document);
