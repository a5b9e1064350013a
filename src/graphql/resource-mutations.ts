import type { InputFieldMap } from '@pothos/core';
import { z } from 'zod';
import { audit, type Context } from '../context.ts';
import { denseIndexOf } from '../data/dense-index.ts';
import { releaseReferences } from '../data/references.ts';
import { invalid, notFound, userError } from '../lib/errors.ts';
import { fromPublicId, toPublicId } from '../lib/ids.ts';
import { parse, targetId } from '../lib/input.ts';
import { capitalized, withArticle } from '../lib/words.ts';
import { DELETED, mutation } from './mutation.ts';
import { attributeInputs, type Fields, type Input, valuesOf } from './resource-inputs.ts';
import { type AnyRow, columnOf, type Resource } from './resource-model.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf, scopeOf, type Target } from './target.ts';

/** Adds the mutations create, update and delete. */
export function addMutations(resource: Resource): void {
  const { name, noun, field, type, project, owner } = resource;
  const payload = { [field]: { type, description: `The ${noun}.` } };
  const where = project ? ' in a project' : '';
  mutation(`create${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('create'),
    description: `Creates ${withArticle(noun)}${where}.`,
    input: (t: Fields) => ({ ...projectInput(t, resource), ...attributeInputs(t, resource, 'create') }),
    ...(project && {
      on: async (input: Input, ctx: Context) =>
        (await getVisible(ctx, resource.declaration.project as Target, input['projectId'] as string)).id,
    }),
    results: payload,
    resolve: async (input: Input, ctx: Context) => ({ [field]: await create(ctx, resource, input) }),
  } as never);
  const onTarget = (project || owner) && {
    on: async (input: Input, ctx: Context) =>
      scopeOf(resource, await getVisible(ctx, resource, targetIn(resource, input))),
  };
  const auditTarget = resource.loadByAlias && {
    auditTarget: (ctx: Context, input: Input) => targetByAlias(ctx, resource, input),
  };
  mutation(`update${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('update'),
    description: `Updates ${withArticle(noun)}. Omitted fields are unchanged.`,
    input: (t: Fields) => ({ ...targetInput(t, resource), ...attributeInputs(t, resource, 'update') }),
    ...onTarget,
    ...auditTarget,
    results: payload,
    resolve: async (input: Input, ctx: Context) => ({ [field]: await update(ctx, resource, input) }),
  } as never);
  mutation(`delete${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('delete'),
    description: `Deletes ${withArticle(noun)}. Returns IN_USE if other objects refer to it, and lists them in \`usedBy\`.`,
    input: (t: Fields) => targetInput(t, resource),
    ...onTarget,
    ...auditTarget,
    results: DELETED,
    resolve: async (input: Input, ctx: Context) => ({ deletedId: await remove(ctx, resource, input) }),
  } as never);
}

const projectInput = (t: Fields, { project, noun }: Resource): InputFieldMap =>
  project
    ? {
        projectId: t.id({
          required: true,
          visibleWith: 'project:read',
          description: `The ID of the project of the ${noun}.`,
        }),
      }
    : {};

/** The object that a mutation is about: `id`, or `category: { id } | { alias }`. */
function targetInput(t: Fields, resource: Resource): InputFieldMap {
  const { loadByAlias, field, noun, project, owner, permission } = resource;
  const options = { required: true, ...((project || owner) && { visibleWith: permission }) } as const;
  return loadByAlias
    ? { [field]: t.field({ ...options, type: referenceInputOf(resource), description: `The ${noun}.` }) }
    : { id: t.id({ ...options, description: `The ID of the ${noun}.` }) };
}

const targetIn = ({ loadByAlias, field }: Resource, input: Input): GivenReference =>
  (loadByAlias ? input[field] : input['id']) as GivenReference;

async function create(ctx: Context, resource: Resource, input: Input): Promise<AnyRow> {
  const { declaration, rows, table } = resource;
  const projectId = resource.project ? fromPublicId('prj', input['projectId'] as string) : null;
  const given = await valuesOf(ctx, resource, 'create', input, projectId);
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const values: Input = (await declaration.hooks?.beforeCreate?.(ctx, given as never)) ?? given;
  if (order) values['index'] = await order.insertAt(ctx, values['index'] as number | null | undefined);
  const now = ctx.dependencies.clock();
  const times = { ...('createdAt' in table && { createdAt: now }), ...('updatedAt' in table && { updatedAt: now }) };
  const all = { ...values, ...times, ...(projectId && { projectId }) } as never;
  const after = declaration.hooks?.afterCreate;
  // Without a hook that follows, the row is sent together with COMMIT.
  const row = (await (after ? rows : rows.send).insert(ctx, all)) as AnyRow;
  await after?.(ctx, row as never);
  return row;
}

async function update(ctx: Context, resource: Resource, input: Input): Promise<AnyRow> {
  const { declaration, rows, table } = resource;
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const before = await lockTarget(ctx, resource, input);
  const given = await valuesOf(ctx, resource, 'update', input, resource.projectOf(before));
  editLists(resource, input, before, given);
  const changes: Input = (await declaration.hooks?.beforeUpdate?.(ctx, before as never, given as never)) ?? given;
  if (order && changes['index'] !== undefined)
    await order.move(ctx, before.id, before['index'] as number, changes['index'] as number);
  const times = 'updatedAt' in table && { updatedAt: ctx.dependencies.clock() };
  const hook = declaration.hooks?.afterUpdate;
  const after = (await (hook ? rows : rows.send).update(ctx, before, { ...changes, ...times } as never)) as AnyRow;
  await hook?.(ctx, before as never, after as never);
  return after;
}

async function remove(ctx: Context, resource: Resource, input: Input): Promise<string> {
  const { declaration, rows, table, noun, loadByAlias, field } = resource;
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const row = await lockTarget(ctx, resource, input);
  await releaseReferences(ctx, table, noun, row.id, loadByAlias ? field : 'id');
  await declaration.hooks?.beforeDelete?.(ctx, row as never);
  // The statement that closes the gap needs the index of the deleted row to be free.
  const hook = declaration.hooks?.afterDelete;
  const deletedId = await (order || hook ? rows : rows.send).remove(ctx, row);
  await order?.closeGap(ctx, row['index'] as number);
  await hook?.(ctx, row as never);
  return deletedId;
}

function denseIndex(resource: Resource) {
  const has = resource.attributes.some(([, { isDenseIndex }]) => isDenseIndex);
  return has ? denseIndexOf(resource.table, columnOf(resource, 'index')) : null;
}

/** The row that the mutation is about, locked until its transaction ends. */
async function lockTarget(ctx: Context, resource: Resource, input: Input): Promise<AnyRow> {
  const given = targetIn(resource, input);
  const alias = typeof given === 'string' ? null : given.alias;
  const id =
    alias == null
      ? targetId(resource.prefix, (typeof given === 'string' ? given : given.id) ?? '')
      : (await loadReferenced(ctx, resource, given))?.id;
  if (!id) throw notFound(resource.name);
  // Of a target that is given by its alias, an event of a failed mutation names the ID too.
  audit(ctx, { targetId: toPublicId(resource.prefix, id) });
  const row = (await resource.rows.lock(ctx, id)) as AnyRow;
  // Another request may have given the alias to another object before the lock was acquired.
  if (alias != null && row['alias'] !== alias) throw notFound(resource.name);
  return row;
}

/** The ID of the target that the input names by its alias. Null if there is none or it is not visible to the caller. */
async function targetByAlias(ctx: Context, resource: Resource, input: Input): Promise<string | null> {
  const given = targetIn(resource, input);
  if (typeof given === 'string' || given.alias == null) return null;
  const row = await loadReferenced(ctx, resource, given);
  return row && canSee(ctx, resource, row) ? toPublicId(resource.prefix, row.id) : null;
}

async function getVisible<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  given: GivenReference,
): Promise<Row> {
  const row = await loadReferenced(ctx, target, given);
  if (!row || !canSee(ctx, target, row)) throw notFound(target.name);
  return row;
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
