import type { Context } from '../../context.ts';
import { objectsWith } from '../../data/parts.ts';
import { createAll, type Given, updateAll } from '../../graphql/resource-write.ts';
import { invalid, type UserError, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { isStorable } from '../../lib/storable.ts';
import type { AuditedChange } from '../../resources/audit-event/table.ts';
import { createInput, type ImportRow, updateInput } from '../../resources/service/import-row.ts';
import { writeDependencies } from './dependencies.ts';
import { type Refused, refusalOf } from './refusal.ts';
import { inMutation } from './transaction.ts';
import { type BatchResult, type RowError, Services, write } from './write.ts';

/**
 * Writes rows in one transaction. If rows are refused, it is rolled back, and the others are written in another one. So the
 * result is that of single mutations, with the statements of a few large ones.
 */
export async function importRows(ctx: Context, rows: readonly ImportRow[], dryRun: boolean): Promise<BatchResult> {
  const failed: RowError[] = [];
  let left = rows;
  while (left.length > 0) {
    const done = await attempt(ctx, left, dryRun);
    if (!('refused' in done)) return { ...done, failed };
    const { refused } = done;
    if (refused.size === 0) return joined(await oneByOne(ctx, left, dryRun), failed);
    const lines = left.flatMap((row, at) =>
      refused.has(at) ? [{ line: row.line, errors: refused.get(at) ?? [] }] : [],
    );
    failed.push(...lines);
    left = left.filter((_row, at) => !refused.has(at));
  }
  return { created: 0, updated: 0, failed, open: [] };
}

/** Finds the rows that an error belongs to which does not name them, such as a conflict with another request. */
async function oneByOne(ctx: Context, rows: readonly ImportRow[], dryRun: boolean): Promise<BatchResult[]> {
  const results: BatchResult[] = [];
  for (const row of rows) {
    const done = await attempt(ctx, [row], dryRun);
    if (!('refused' in done)) results.push({ ...done, failed: [] });
    else {
      const errors = done.refused.get(0) ?? done.others;
      results.push({ created: 0, updated: 0, open: [], failed: [{ line: row.line, errors }] });
    }
  }
  return results;
}

const joined = (results: readonly BatchResult[], failed: readonly RowError[]): BatchResult => ({
  created: results.reduce((sum, { created }) => sum + created, 0),
  updated: results.reduce((sum, { updated }) => sum + updated, 0),
  failed: [...failed, ...results.flatMap((one) => one.failed)],
  open: results.flatMap(({ open }) => open),
});

type Written = Omit<BatchResult, 'failed'>;

async function attempt(ctx: Context, rows: readonly ImportRow[], dryRun: boolean): Promise<Written | Refused> {
  try {
    return await inMutation(ctx, dryRun, (changes) => writeRows(ctx, rows, changes));
  } catch (thrown) {
    return refusalOf(thrown, rows);
  }
}

async function writeRows(ctx: Context, rows: readonly ImportRow[], changes: AuditedChange[]): Promise<Written> {
  const ids = await matches(ctx, rows);
  const given = rows.map((row, at): Given & { id: string | null } => {
    const id = ids[at] ?? null;
    return { id, path: [String(at)], input: id ? updateInput(row, id) : createInput(row) };
  });
  const created = await write(
    ctx,
    createAll,
    given.filter(({ id }) => id === null),
    changes,
  );
  const updated = await write(
    ctx,
    updateAll,
    given.filter(({ id }) => id !== null),
    changes,
  );
  const services = new Map([...created, ...updated]);
  const open = await writeDependencies(ctx, rows, services, changes);
  return { created: created.size, updated: updated.size, open };
}

/** The public IDs of the services that rows are about. Null for a new service. */
async function matches(ctx: Context, rows: readonly ImportRow[]): Promise<(string | null)[]> {
  const { aliases } = Services;
  const keys = [...new Set(rows.flatMap((row) => row.keys))].filter(isStorable);
  const found = aliases ? await objectsWith(ctx, aliases.rows, aliases.column, keys) : new Map<string, string>();
  const errors: UserError[] = [];
  const ids = rows.map((row, at) => {
    const own = [...new Set(row.keys.flatMap((key) => found.get(key) ?? []))];
    if (own.length > 1)
      errors.push(userError('INVALID', [String(at), 'aliases'], 'aliases: belong to several services.'));
    return own[0] ? toPublicId('svc', own[0]) : null;
  });
  if (errors.length > 0) throw invalid(...errors);
  return ids;
}
