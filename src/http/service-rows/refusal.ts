import { domainError } from '../../db/constraints.ts';
import { AmbitError, type UserError, userError } from '../../lib/errors.ts';
import { type ImportRow, inFile } from '../../resources/service/import-row.ts';

export interface Refused {
  /** The errors by the index of the row. Empty if they name no row. */
  refused: Map<number, UserError[]>;
  /** The errors that name no row. */
  others: UserError[];
}

/** Errors of the input, and refusals that concern single services. Other errors end the import. */
export function refusalOf(thrown: unknown, rows: readonly ImportRow[]): Refused {
  const error = domainError(thrown);
  if (!(error instanceof AmbitError)) throw thrown;
  const isOfRow = error.userErrors || ['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'BAD_REQUEST'].includes(error.code);
  if (!isOfRow) throw error;
  const refused = new Map<number, UserError[]>();
  for (const one of error.userErrors ?? []) {
    const [index, ...path] = one.path;
    if (!/^\d+$/.test(index ?? '')) return { refused: new Map(), others: [inFile(one, undefined)] };
    refused.set(Number(index), [...(refused.get(Number(index)) ?? []), inFile({ ...one, path }, rows[Number(index)])]);
  }
  return { refused, others: [userError('INVALID', [], error.message)] };
}
