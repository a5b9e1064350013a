import type { Context } from '../../context.ts';
import type { AnyRow } from '../../graphql/resource-model.ts';
import { updateAll } from '../../graphql/resource-write.ts';
import { canSee, loadReferenced } from '../../graphql/target.ts';
import { type UserError, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { isStorable } from '../../lib/storable.ts';
import type { AuditedChange } from '../../resources/audit-event/table.ts';
import { dependencyOf, type ImportRow } from '../../resources/service/import-row.ts';
import { type Refused, refusalOf } from './refusal.ts';
import { inMutation } from './transaction.ts';
import { type OpenDependency, type RowError, Services, write } from './write.ts';

/** Adds the dependencies on services that exist. Returns those that a later row may create. */
export async function writeDependencies(
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
