import { z } from 'zod';
import type { Permission } from '../access/catalog.ts';
import { audit, type Context } from '../context.ts';
import { denseIndexOf } from '../data/dense-index.ts';
import type { GivenInput, Mutated } from '../data/hooks.ts';
import { objectsWith, type PartChange } from '../data/parts.ts';
import { releaseReferences } from '../data/references.ts';
import type { LockStrength } from '../data/rows.ts';
import { invalid, notFound, userError } from '../lib/errors.ts';
import { decodeId, fromPublicId, newId, toPublicId } from '../lib/ids.ts';
import { parse, targetId } from '../lib/input.ts';
import { capitalized } from '../lib/words.ts';
import { auditChanges, forEachTarget, type Written, writeItems } from './resource-changes.ts';
import { type Input, inputOf } from './resource-inputs.ts';
import { type AnyRow, columnOf, type DeclaredNode, type DeclaredPart, type Resource } from './resource-model.ts';
import { refuseTakenValues } from './resource-unique.ts';
import { canSee, type GivenReference, loadReferenced, requireOnService, type Target } from './target.ts';

/** An input of one object, and its path in the input of the mutation. */
export type Given = GivenInput;

/** Creates objects: all of them or, if there are errors, none. */
export async function createAll(ctx: Context, resource: Resource, given: readonly Given[]): Promise<AnyRow[]> {
  const extra = await resource.declaration.hooks?.prepare?.(ctx, given);
  return await around(ctx, resource, 'create', given, () => insertAll(ctx, resource, given, extra));
}

async function insertAll(ctx: Context, resource: Resource, given: readonly Given[], extra: unknown): Promise<AnyRow[]> {
  const { declaration, rows, table } = resource;
  const hooks = declaration.hooks ?? {};
  const projectId = resource.project ? fromPublicId('prj', given[0]?.input['projectId'] as string) : null;
  const parsed = await forEachTarget(given, async ({ input, path }) => ({
    path,
    ...(await inputOf(ctx, resource, 'create', input, projectId, null, path.length > 0)),
  }));
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const now = ctx.dependencies.clock();
  const times = { ...('createdAt' in table && { createdAt: now }), ...('updatedAt' in table && { updatedAt: now }) };
  const prepared = await forEachTarget(parsed, async ({ values: own, path, items }) => {
    const values: Input = (await hooks.beforeCreate?.(ctx, own as never, extra as never)) ?? own;
    if (order) values['index'] = await order.insertAt(ctx, values['index'] as number | null | undefined);
    return { path, items, values: { id: newId(), ...values, ...times, ...(projectId && { projectId }) } };
  });
  if (isOfMany(prepared)) await refuseTakenValues(ctx, resource, prepared);
  const follows = resource.parts.length > 0 || hooks.afterCreate || hooks.afterWrite || hooks.around;
  const [only, ...others] = prepared.map(({ values }) => values) as Input[];
  // Without a statement that follows, the row is sent together with COMMIT.
  const created = (
    others.length > 0
      ? await rows.insertAll(ctx, [only, ...others] as never)
      : [await (follows ? rows : rows.send).insert(ctx, only as never)]
  ) as AnyRow[];
  if (!follows && others.length === 0) {
    await hooks.sendAfterWrite?.(ctx, [{ before: null, after: created[0] as never }]);
    return created;
  }
  const written = prepared.map((target, at): Written => ({ ...target, before: null, after: created[at] as AnyRow }));
  await auditChanges(ctx, resource, written, await writeItems(ctx, resource, 'create', written));
  for (const { after } of written) await hooks.afterCreate?.(ctx, after as never);
  return await finish(ctx, resource, written, extra);
}

/** Runs the hook for all objects. Returns their rows as they are then. */
async function finish(
  ctx: Context,
  { declaration, rows }: Resource,
  written: readonly Written[],
  extra: unknown,
): Promise<AnyRow[]> {
  const { afterWrite, sendAfterWrite } = declaration.hooks ?? {};
  await sendAfterWrite?.(ctx, written as never);
  if (!afterWrite) return written.map(({ after }) => after);
  await afterWrite(ctx, written as never, extra as never);
  const current = await rows.lockAll(
    ctx,
    written.map(({ after }) => after.id),
  );
  const byId = new Map((current as AnyRow[]).map((row) => [row.id, row]));
  return written.map(({ after }) => byId.get(after.id) as AnyRow);
}

/** Whether errors need the path of their input. */
const isOfMany = (targets: readonly { path: readonly string[] }[]): boolean =>
  targets.length > 1 || targets.some(({ path }) => path.length > 0);

/** Updates objects: all of them or, if there are errors, none. */
export async function updateAll(ctx: Context, resource: Resource, given: readonly Given[]): Promise<AnyRow[]> {
  const extra = await resource.declaration.hooks?.prepare?.(ctx, given);
  return await around(ctx, resource, 'update', given, () => changeAll(ctx, resource, given, extra));
}

async function changeAll(ctx: Context, resource: Resource, given: readonly Given[], extra: unknown): Promise<AnyRow[]> {
  const { declaration, rows, table } = resource;
  const hooks = declaration.hooks ?? {};
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const locked = await lockTargets(ctx, resource, given);
  const parsed = await forEachTarget(given, async ({ input, path }, at) => {
    const before = locked[at] as AnyRow;
    const project = resource.projectOf(before);
    const { values, items } = await inputOf(ctx, resource, 'update', input, project, before, path.length > 0);
    editLists(resource, input, before, values);
    return { path, items, before, values };
  });
  const changed = await forEachTarget(parsed, async ({ values, before, ...rest }) => {
    const changes: Input =
      (await hooks.beforeUpdate?.(ctx, before as never, values as never, extra as never)) ?? values;
    if (order && changes['index'] !== undefined)
      await order.move(ctx, before.id, before['index'] as number, changes['index'] as number);
    return { ...rest, before, values: changes };
  });
  if (isOfMany(changed)) await refuseTakenValues(ctx, resource, changed);
  const hasItems = resource.parts.length > 0;
  const follows = hasItems || hooks.afterUpdate || hooks.afterWrite || hooks.around || changed.length > 1;
  const times = 'updatedAt' in table && { updatedAt: ctx.dependencies.clock() };
  // Without a statement that follows, the change is sent together with COMMIT.
  const updateRow = (follows ? rows : rows.send).update;
  const written = await forEachTarget(changed, async ({ before, values, ...target }): Promise<Written> => {
    const after = (await updateRow(ctx, before as never, { ...values, ...times } as never)) as AnyRow;
    return { ...target, before, after };
  });
  if (follows) {
    await auditChanges(ctx, resource, written, await writeItems(ctx, resource, 'update', written));
    for (const { before, after } of written) await hooks.afterUpdate?.(ctx, before as never, after as never);
    return await finish(ctx, resource, written, extra);
  }
  await hooks.sendAfterWrite?.(ctx, written as never);
  return written.map(({ after }) => after);
}

export const remove = (ctx: Context, resource: Resource, input: Input): Promise<string> =>
  around(ctx, resource, 'delete', [{ input, path: [] }], () => removeOne(ctx, resource, input));

async function removeOne(ctx: Context, resource: Resource, input: Input): Promise<string> {
  const { declaration, rows, table, noun, loadByAlias, field } = resource;
  const order = denseIndex(resource);
  await declaration.hooks?.lockForDelete?.(ctx);
  await order?.lock(ctx);
  const sent = declaration.hooks?.sendWithLock?.(ctx, await findTarget(ctx, resource, input));
  // It is awaited later, and a rejection before that would count as unhandled. If it fails, the lock of the row fails too.
  sent?.catch(() => undefined);
  const row = await lockTarget(ctx, resource, input, resource.permissionTo('delete'), 'update');
  await releaseReferences(ctx, table, noun, row.id, loadByAlias ? field : 'id');
  await declaration.hooks?.beforeDelete?.(ctx, row as never, (await sent) as never);
  const items = await itemsOf(ctx, resource, row.id);
  // The statement that closes the gap needs the index of the deleted row to be free.
  const hook = declaration.hooks?.afterDelete;
  const follows = order || hook || declaration.hooks?.around;
  const deletedId = await (follows ? rows : rows.send).remove(ctx, row);
  await order?.closeGap(ctx, row['index'] as number);
  if (items.size > 0) await auditChanges(ctx, resource, [{ before: row, after: null }], new Map([[row.id, items]]));
  await hook?.(ctx, row as never);
  await declaration.hooks?.sendAfterDelete?.(ctx, row as never);
  return deletedId;
}

/** The items that are deleted with an object. */
async function itemsOf(ctx: Context, { parts }: Resource, id: string): Promise<Map<DeclaredPart, PartChange>> {
  const read = parts.map(async (part) => {
    const before = (await part.rows.read(ctx, [id])).get(id) ?? [];
    return [part, { id, before, after: [] }] as const;
  });
  return new Map(await Promise.all(read));
}

/** Runs a mutation inside the hook `around`. */
function around<Result>(
  ctx: Context,
  { declaration: { hooks } }: Resource,
  action: Mutated['action'],
  given: readonly Given[],
  run: () => Promise<Result>,
): Promise<Result> {
  const inputs = given.map(({ input }) => input);
  return hooks?.around ? hooks.around(ctx, { action, inputs }, run) : run();
}

function denseIndex(resource: Resource) {
  const has = resource.attributes.some(([, { isDenseIndex }]) => isDenseIndex);
  return has ? denseIndexOf(resource.table, columnOf(resource, 'index')) : null;
}

export const targetIn = (
  { loadByAlias, field }: Pick<Target, 'loadByAlias'> & { field: string },
  input: Input,
): GivenReference => (loadByAlias ? input[field] : input['id']) as GivenReference;

const aliasIn = (given: GivenReference): string | null | undefined => (typeof given === 'string' ? null : given.alias);

/** The ID of the row that an input names. */
async function findTarget<Row extends { id: string }>(
  ctx: Context,
  resource: DeclaredNode<Row>,
  input: Input,
): Promise<string> {
  const given = targetIn(resource, input);
  const id =
    aliasIn(given) == null
      ? targetId(resource.prefix, (typeof given === 'string' ? given : given.id) ?? '')
      : (await loadReferenced(ctx, resource, given))?.id;
  if (!id) throw notFound(resource.name);
  return id;
}

/** The ID of the target. Null if the ID is malformed, or no object that is visible to the caller has the alias. */
export async function targetIdOf<Row extends { id: string }>(
  ctx: Context,
  resource: DeclaredNode<Row>,
  input: Input,
): Promise<string | null> {
  const given = targetIn(resource, input);
  const id = typeof given === 'string' ? given : given.id;
  if (id != null) return decodeId(id) ? id : null;
  const row = await loadReferenced(ctx, resource, given);
  return row && canSee(ctx, resource, row) ? toPublicId(resource.prefix, row.id) : null;
}

/** The row that the mutation is about, locked until its transaction ends. On a service, the permission is checked. */
export async function lockTarget<Row extends { id: string }>(
  ctx: Context,
  resource: DeclaredNode<Row>,
  input: Input,
  permission: Permission,
  strength: LockStrength = 'no key update',
): Promise<Row> {
  const id = await findTarget(ctx, resource, input);
  // Of a target that is given by its alias, an event of a failed mutation names the ID too.
  audit(ctx, { targetId: toPublicId(resource.prefix, id) });
  const row = (await resource.rows.lock(ctx, id, strength)) as { id: string } as Row;
  requireOnService(ctx, resource, row, permission);
  await refuseMovedAliases(ctx, resource, [{ input, path: [] }], [row]);
  return row;
}

/** Locks the rows of all inputs in the order of their IDs. */
async function lockTargets(ctx: Context, resource: Resource, given: readonly Given[]): Promise<AnyRow[]> {
  const [only, ...others] = given;
  const permission = resource.permissionTo('update');
  if (only && others.length === 0 && only.path.length === 0)
    return [await lockTarget(ctx, resource, only.input, permission)];
  const { field, name, noun, loadByAlias } = resource;
  const missing = () =>
    invalid(userError('NOT_FOUND', loadByAlias ? field : 'id', `There is no ${noun} with this ID or alias.`));
  const ids = await forEachTarget(given, async ({ input }) => {
    try {
      return await findTarget(ctx, resource, input);
    } catch (error) {
      throw (error as { code?: string }).code === notFound(name).code ? missing() : error;
    }
  });
  const rows = new Map((await resource.rows.lockAll(ctx, ids)).map((row) => [row['id'] as string, row as AnyRow]));
  const locked = await forEachTarget(given, async (_one, at) => {
    const row = rows.get(ids[at] as string);
    if (!row || !canSee(ctx, resource, row)) throw missing();
    requireOnService(ctx, resource, row, permission);
    if (ids.indexOf(row.id) !== at)
      throw invalid(userError('INVALID', loadByAlias ? field : 'id', `The input has this ${noun} more than once.`));
    return row;
  });
  await refuseMovedAliases(ctx, resource, given, locked);
  return locked;
}

/** Another request may have given an alias to another object before the lock was acquired. */
async function refuseMovedAliases<Row extends { id: string; alias?: unknown }>(
  ctx: Context,
  resource: DeclaredNode<Row>,
  given: readonly Given[],
  locked: readonly Row[],
): Promise<void> {
  const wanted = given.flatMap(({ input }, at) => {
    const alias = aliasIn(targetIn(resource, input));
    return alias == null ? [] : [{ alias, row: locked[at] as Row }];
  });
  if (wanted.length === 0) return;
  const { aliases, name } = resource;
  const found =
    aliases &&
    (await objectsWith(
      ctx,
      aliases.rows,
      aliases.column,
      wanted.map(({ alias }) => alias),
    ));
  for (const { alias, row } of wanted)
    if (found ? found.get(alias) !== row.id : row.alias !== alias) throw notFound(name);
}

/** Applies `addTags` and `removeTags` to the list of the locked row. */
function editLists(resource: Resource, input: Input, before: AnyRow, values: Input): void {
  for (const [key, { isList, update: schema }] of resource.attributes) {
    const [add, remove] = [input[`add${capitalized(key)}`], input[`remove${capitalized(key)}`]] as (
      | string[]
      | null
      | undefined
    )[];
    if (!isList || (add == null && remove == null)) continue;
    if (values[key] !== undefined)
      throw invalid(
        userError(
          'INVALID',
          key,
          `${key}: cannot be combined with add${capitalized(key)} or remove${capitalized(key)}.`,
        ),
      );
    const removed = new Set(remove?.map((item) => item.trim()));
    const kept = (before[key] as string[]).filter((item) => !removed.has(item));
    const edited = parse(z.object({ [key]: schema }), { [key]: [...kept, ...(add ?? [])] });
    values[key] = [...new Set(edited[key] as string[])];
  }
}
