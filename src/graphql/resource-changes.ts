import type { AuditDraft, Context } from '../context.ts';
import { audit } from '../context.ts';
import { objectsWith, type PartChange, type PartRow } from '../data/parts.ts';
import { invalid, type UserError, userError } from '../lib/errors.ts';
import { slugOf } from '../lib/slug.ts';
import type { AuditedChange } from '../resources/audit-event/table.ts';
import { auditedItems, type GivenItems, refuseSelf, refuseTooMany } from './part-inputs.ts';
import { type AnyRow, type DeclaredPart, partInputs, type Resource, type When } from './resource-model.ts';

/** One object of a mutation: what its input gives, and where that input is. */
export interface Target {
  /** The path of the input. Empty unless the mutation changes several objects. */
  readonly path: readonly string[];
  readonly items: readonly GivenItems[];
}

/** The written row of a target. `before` is null for a new object. */
export interface Written extends Target {
  readonly before: AnyRow | null;
  readonly after: AnyRow;
}

/** The user errors of a step, with the path of its input. Other errors are thrown. */
async function errorsAt<T>(path: readonly string[], step: () => Promise<T>): Promise<T | UserError[]> {
  try {
    return await step();
  } catch (error) {
    const { userErrors } = error as { userErrors?: readonly UserError[] };
    if (!userErrors) throw error;
    return userErrors.map((one) => ({ ...one, path: [...path, ...one.path] }));
  }
}

/** Runs a step for each target and throws the errors of all of them at once. */
export async function forEachTarget<Given extends { path: readonly string[] }, T>(
  targets: readonly Given[],
  step: (target: Given, index: number) => Promise<T>,
): Promise<T[]> {
  const done = await Promise.all(
    targets.map(async (target, index) => {
      const result = await errorsAt(target.path, async () => ({ value: await step(target, index) }));
      return result;
    }),
  );
  const errors = done.filter((one) => Array.isArray(one)).flat();
  if (errors.length > 0) throw invalid(...errors);
  return (done as { value: T }[]).map(({ value }) => value);
}

/** The items before and after the change, by ID of the object and by part. */
export type ItemChanges = ReadonlyMap<string, ReadonlyMap<DeclaredPart, PartChange>>;

/** Writes the items of all objects, with a few statements for each part. */
export async function writeItems(ctx: Context, resource: Resource, when: When, written: readonly Written[]) {
  const changes = new Map(written.map(({ after }) => [after.id, new Map<DeclaredPart, PartChange>()]));
  for (const part of resource.parts) {
    const edits = written.flatMap((target) => {
      const given = target.items.find((one) => one.part === part);
      return given || isRenamed(part, target) ? [{ target, given }] : [];
    });
    if (edits.length === 0) continue;
    const ids = edits.map(({ target }) => target.after.id);
    const existing = when === 'create' ? new Map<string, PartRow[]>() : await part.rows.read(ctx, ids);
    const changed = await forEachTarget(
      edits.map((edit) => ({ ...edit, path: edit.target.path })),
      async ({ target: { after }, given }) => {
        const { add = [], remove = [] } = given ?? {};
        if (given) refuseSelf(given, after.id, when);
        const change = part.rows.changeOf(existing.get(after.id) ?? [], { id: after.id, add, remove });
        if (given) refuseTooMany(given, change, when);
        return change;
      },
    );
    if (part.isAlias) await refuseTakenAliases(ctx, resource, when, edits, changed);
    await part.rows.write(ctx, changed);
    for (const change of changed) changes.get(change.id)?.set(part, change);
    if (part.isAlias) await addSlugs(ctx, part, written, changes);
  }
  return changes;
}

const isRenamed = ({ isAlias }: DeclaredPart, { before, after }: Written): boolean =>
  isAlias === true && before?.['name'] !== after['name'];

/** Refuses aliases that other objects have, and aliases that two inputs of the mutation give. */
async function refuseTakenAliases(
  ctx: Context,
  { aliases, noun }: Resource,
  when: When,
  edits: readonly { target: Written; given: GivenItems | undefined }[],
  changed: readonly PartChange[],
): Promise<void> {
  if (!aliases) return;
  const added = new Map<string, string>();
  const kept = new Set(changed.flatMap(({ before }) => before.map(({ id }) => id)));
  const taken = await objectsWith(
    ctx,
    aliases.rows,
    aliases.column,
    changed.flatMap(({ after }) => after.flatMap(({ id, alias }) => (kept.has(id) ? [] : [alias as string]))),
  );
  const errors = edits.flatMap(({ target: { path, after }, given }) =>
    (given?.add ?? []).flatMap(({ alias }, at) => {
      const owner = taken.get(alias as string) ?? added.get(alias as string) ?? after.id;
      added.set(alias as string, after.id);
      if (owner === after.id) return [];
      const name = partInputs((given as GivenItems).part, when).add;
      return [userError('TAKEN', [...path, name, String(at)], `Another ${noun} has the alias “${alias}”.`)];
    }),
  );
  if (errors.length > 0) throw invalid(...errors);
}

interface Named {
  id: string;
  name: string;
}

/** Adds the slugs of new names. A slug that another object has gets a suffix. */
async function addSlugs(
  ctx: Context,
  part: DeclaredPart,
  written: readonly Written[],
  changes: Map<string, Map<DeclaredPart, PartChange>>,
): Promise<void> {
  const add = (row: PartRow): void => {
    const id = row[part.of] as string;
    const known = changes.get(id)?.get(part) ?? { id, before: [], after: [] };
    changes.get(id)?.set(part, { ...known, after: [...known.after, row] });
  };
  const hasSlug = ({ id, name }: Named, attempt: number): boolean =>
    changes
      .get(id)
      ?.get(part)
      ?.after.some(({ alias }) => alias === slugOf(name, attempt)) ?? false;
  let open = written
    .filter((target) => isRenamed(part, target))
    .map(({ after }): Named => ({ id: after.id, name: after['name'] as string }));
  for (let attempt = 1; open.length > 0; attempt += 1) {
    const candidates = new Map<string, Named>();
    for (const one of open) {
      const alias = slugOf(one.name, attempt);
      if (alias && !hasSlug(one, attempt) && !candidates.has(alias)) candidates.set(alias, one);
    }
    // In one order, so that two requests do not wait for each other.
    const sorted = [...candidates].sort(([a], [b]) => (a < b ? -1 : 1));
    const inserted = await part.rows.insertMissing(
      ctx,
      sorted.map(([alias, { id }]) => ({ [part.of]: id, alias })),
    );
    inserted.forEach(add);
    const isDone = new Set(inserted.map((row) => row[part.of] as string));
    open = open.filter((one) => !isDone.has(one.id) && !hasSlug(one, attempt) && slugOf(one.name, attempt) !== null);
  }
}

/** Adds the changed objects and their items to the audit event. The first one is its target. */
export async function auditChanges(
  ctx: Context,
  resource: Resource,
  written: readonly { before: AnyRow | null; after: AnyRow | null }[],
  items: ItemChanges,
): Promise<void> {
  const { rows } = resource;
  const changes = await Promise.all(
    written.map(async ({ before, after }): Promise<AuditedChange> => {
      const id = (after ?? before)?.id as string;
      const parts = [...(items.get(id) ?? [])];
      const shown = async (row: AnyRow | null, side: 'before' | 'after') => {
        if (!row) return null;
        const lists = parts.map(async ([part, change]) => [
          part.name,
          await auditedItems(ctx, resource, part, change[side]),
        ]);
        return { ...rows.snapshotOf(row as never), ...Object.fromEntries(await Promise.all(lists)) };
      };
      return {
        targetId: rows.publicId(id),
        before: await shown(before, 'before'),
        after: await shown(after, 'after'),
      };
    }),
  );
  const [first, ...related] = changes;
  audit(ctx, { ...(first as AuditDraft), ...(related.length > 0 && { related }) });
}
