import { canOnSome } from '../../access/access.ts';
import {
  type AuditDraft,
  audit,
  beginMutation,
  type Context,
  db,
  endMutation,
  endTransaction,
  runAfterCommit,
  setDryRun,
  unansweredOf,
} from '../../context.ts';
import { objectsWith } from '../../data/parts.ts';
import { domainError } from '../../db/constraints.ts';
import { inTransaction } from '../../db/transaction.ts';
import type { AnyRow, Resource } from '../../graphql/resource-model.ts';
import { createAll, type Given, updateAll } from '../../graphql/resource-write.ts';
import { canSee, loadReferenced } from '../../graphql/target.ts';
import { AmbitError, invalid, type UserError, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { isStorable } from '../../lib/storable.ts';
import { MAX_RELATED, recordEvent } from '../audit-event/service.ts';
import type { AuditedChange } from '../audit-event/table.ts';
import { createInput, dependencyOf, type ImportRow, inFile, updateInput } from './import-row.ts';
import { Service } from './resource.ts';

const Services = Service as unknown as Resource;

/** A dependency on a service that a later row may create. */
export interface OpenDependency {
  readonly line: number;
  readonly serviceId: string;
  readonly name: string;
}

export interface RowError {
  readonly line: number;
  readonly errors: readonly UserError[];
}

export interface BatchResult {
  created: number;
  updated: number;
  failed: RowError[];
  open: OpenDependency[];
}

export const mayImport = ({ unit: { access } }: Context): boolean =>
  access.can('service:create') && canOnSome(access, 'service:update');

/** Throws FORBIDDEN unless the caller can create and update services. */
export function requireImport(ctx: Context): void {
  ctx.unit.access.require('service:create');
  if (!canOnSome(ctx.unit.access, 'service:update')) ctx.unit.access.require('service:update');
}

/** Adds the event of an import that is refused or begins. */
export async function recordImport(ctx: Context, error: AmbitError | null, input: object): Promise<void> {
  const { actor, binding } = ctx.unit;
  if (!actor.organization) return;
  const reason = error ? String(error.extensions['reason'] ?? error.code) : null;
  const attempt = { ...EVENT, outcome: error ? 'REFUSED' : 'ALLOWED', reason, actor, input } as const;
  const organizationId = actor.organization.id;
  await inTransaction(
    ctx.dependencies.pool,
    binding,
    (own) => recordEvent(own, ctx, { ...attempt, organizationId }),
    'read write',
    ctx.work,
  );
}

const EVENT = { action: 'importServices', permission: 'service:create' } as const;

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

interface Refused {
  /** The errors by the index of the row. Empty if they name no row. */
  refused: Map<number, UserError[]>;
  /** The errors that name no row. */
  others: UserError[];
}

async function attempt(ctx: Context, rows: readonly ImportRow[], dryRun: boolean): Promise<Written | Refused> {
  try {
    return await inMutation(ctx, dryRun, (changes) => writeRows(ctx, rows, changes));
  } catch (thrown) {
    return refusalOf(thrown, rows);
  }
}

/** Errors of the input, and refusals that concern single services. Other errors end the import. */
function refusalOf(thrown: unknown, rows: readonly ImportRow[]): Refused {
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

/** Runs a step as a mutation: in one transaction, with its audit events, which are rolled back in a dry run. */
async function inMutation<T>(
  ctx: Context,
  dryRun: boolean,
  step: (changes: AuditedChange[]) => Promise<T>,
): Promise<T> {
  const actor = await beginMutation(ctx, null);
  let how: 'commit' | 'rollback' = 'rollback';
  try {
    requireImport(ctx);
    if (dryRun) setDryRun(ctx);
    const changes: AuditedChange[] = [];
    const result = await step(changes);
    const organizationId = actor.organization?.id ?? '';
    const tx = await db(ctx);
    for (let at = 0; at < changes.length && !dryRun; at += MAX_RELATED + 1) {
      const [first, ...related] = changes.slice(at, at + MAX_RELATED + 1);
      audit(ctx, { ...(first as AuditDraft), related });
      await recordEvent(tx, ctx, { ...EVENT, outcome: 'ALLOWED', reason: null, actor, organizationId });
    }
    await Promise.all(unansweredOf(ctx));
    how = dryRun ? 'rollback' : 'commit';
    await endTransaction(ctx, how);
    await runAfterCommit(ctx, how);
    return result;
  } finally {
    await endTransaction(ctx, 'rollback').catch(() => undefined);
    if (how === 'rollback') await runAfterCommit(ctx, 'rollback');
    endMutation(ctx);
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

/** Creates or updates services, and keeps their changes for the audit log. Returns them by the index of their row. */
async function write(
  ctx: Context,
  all: typeof createAll,
  given: readonly Given[],
  changes: AuditedChange[],
): Promise<Map<number, AnyRow>> {
  if (given.length === 0) return new Map();
  const rows = await all(ctx, Services, given);
  const { targetId, before, after, related = [] } = ctx.unit.auditDraft;
  changes.push({ targetId: targetId ?? '', before, after }, ...related);
  return new Map(rows.map((row, at) => [Number(given[at]?.path[0]), row]));
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

/** Adds the dependencies on services that exist. Returns those that a later row may create. */
async function writeDependencies(
  ctx: Context,
  rows: readonly ImportRow[],
  services: ReadonlyMap<number, AnyRow>,
  changes: AuditedChange[],
): Promise<OpenDependency[]> {
  const open: OpenDependency[] = [];
  const given = await Promise.all(
    rows.map(async (row, at) => {
      const service = services.get(at);
      const names = [...new Set(row.dependencies ?? [])];
      const found = await Promise.all(names.map((name) => exists(ctx, name)));
      const known = names.filter((_name, index) => found[index]).map(dependencyOf);
      for (const [index, name] of names.entries())
        if (!found[index] && service) open.push({ line: row.line, serviceId: toPublicId('svc', service.id), name });
      if (!service || known.length === 0) return [];
      return [{ path: [String(at)], input: dependencyInput(toPublicId('svc', service.id), known) }];
    }),
  );
  await write(ctx, updateAll, given.flat(), changes);
  return open;
}

const dependencyInput = (id: string, dependencies: readonly object[]) => ({
  service: { id },
  addDependencies: dependencies,
});

async function exists(ctx: Context, name: string): Promise<boolean> {
  if (!isStorable(name)) return false;
  const row = await loadReferenced(ctx, Services, dependencyOf(name));
  return row !== null && canSee(ctx, Services, row);
}

/**
 * Adds dependencies that were open when their row was read. Returns the errors of those that still do not exist, and of the
 * services that refuse them. The dependencies of the other services are added.
 */
export async function importDependencies(ctx: Context, open: readonly OpenDependency[]): Promise<RowError[]> {
  const byService = [...Map.groupBy(open, ({ serviceId }) => serviceId).values()];
  const done = await attemptDependencies(ctx, byService);
  if (!('refused' in done)) return done;
  const errorsOf = (at: number) => done.refused.get(at) ?? (byService.length === 1 ? done.others : undefined);
  const failed: RowError[] = byService.flatMap(([first], at) => {
    const errors = errorsOf(at);
    return first && errors ? [{ line: first.line, errors }] : [];
  });
  const left = byService.filter((_own, at) => !errorsOf(at));
  // Without an index, the error can belong to each of them.
  const steps = failed.length > 0 ? [left.flat()] : left;
  for (const own of steps) if (own.length > 0) failed.push(...(await importDependencies(ctx, own)));
  return failed;
}

/** Adds the dependencies of all these services, or of none. Returns the errors of those that do not exist. */
async function attemptDependencies(
  ctx: Context,
  byService: readonly (readonly OpenDependency[])[],
): Promise<RowError[] | Refused> {
  try {
    return await inMutation(ctx, false, async (changes) => {
      const missing: RowError[] = [];
      const given = await Promise.all(
        byService.map(async (own, at) => {
          const found = await Promise.all(own.map(({ name }) => exists(ctx, name)));
          const known = own.filter((_one, index) => found[index]).map(({ name }) => dependencyOf(name));
          for (const [index, { line, name }] of own.entries())
            if (!found[index]) missing.push({ line, errors: [notFound(name)] });
          const id = own[0]?.serviceId ?? '';
          return known.length > 0 ? [{ path: [String(at)], input: dependencyInput(id, known) }] : [];
        }),
      );
      await write(ctx, updateAll, given.flat(), changes);
      return missing;
    });
  } catch (thrown) {
    return refusalOf(thrown, []);
  }
}

const notFound = (name: string): UserError =>
  userError('NOT_FOUND', ['dependencies'], `dependencies: there is no service “${name.slice(0, 100)}”.`);
