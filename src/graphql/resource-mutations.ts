import type { InputFieldMap } from '@pothos/core';
import type { Context } from '../context.ts';
import { notFound } from '../lib/errors.ts';
import { withArticle } from '../lib/words.ts';
import { DELETED, mutation } from './mutation.ts';
import type { Fields } from './part-inputs.ts';
import { dryRunInput, resultsOf } from './resource-access.ts';
import { addBulk } from './resource-bulk.ts';
import { attributeInputs, type Input } from './resource-inputs.ts';
import type { Resource } from './resource-model.ts';
import { createAll, remove, targetIdOf, targetIn, updateAll } from './resource-write.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf, type Target } from './target.ts';

/** Adds the mutations create, update and delete. */
export function addMutations(resource: Resource): void {
  const { name, noun, field, type, project, owner, declaration } = resource;
  const payload = { [field]: { type, description: `The ${noun}.` } };
  const where = project ? ' in a project' : '';
  const createInput = mutation(`create${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('create'),
    description: `Creates ${withArticle(noun)}${where}.`,
    input: (t: Fields) => ({
      ...projectInput(t, resource),
      ...attributeInputs(t, resource, 'create'),
      ...declaration.inputs?.(t),
      ...dryRunInput(t, resource, 'create'),
    }),
    ...(project && {
      on: async (input: Input, ctx: Context) =>
        (await getVisible(ctx, resource.declaration.project as Target, input['projectId'] as string)).id,
    }),
    ...resultsOf(resource, 'create', payload, async (input, ctx) => ({
      [field]: (await createAll(ctx, resource, [{ input, path: [] }]))[0],
    })),
  } as never);
  const onTarget = project
    ? {
        on: async (input: Input, ctx: Context) =>
          resource.projectOf(await getVisible(ctx, resource, targetIn(resource, input))),
      }
    : // The permission on the object is checked when it is locked, because its owner can change before.
      owner && { onSome: true };
  const auditTarget = resource.loadByAlias && {
    auditTarget: (ctx: Context, input: Input) => targetIdOf(ctx, resource, input),
  };
  const updateInput = mutation(`update${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('update'),
    description: `Updates ${withArticle(noun)}. Omitted fields are unchanged.`,
    input: (t: Fields) => ({
      ...targetInput(t, resource),
      ...attributeInputs(t, resource, 'update'),
      ...declaration.inputs?.(t),
      ...dryRunInput(t, resource, 'update'),
    }),
    ...onTarget,
    ...auditTarget,
    ...resultsOf(resource, 'update', payload, async (input, ctx) => ({
      [field]: (await updateAll(ctx, resource, [{ input, path: [] }]))[0],
    })),
  } as never);
  mutation(`delete${name}`, {
    mayUseCachedActor: true,
    permission: resource.permissionTo('delete'),
    description: declaration.deletedWithIt
      ? `Deletes ${withArticle(noun)} with ${declaration.deletedWithIt}.`
      : `Deletes ${withArticle(noun)}. Returns IN_USE if other objects refer to it, and lists them in \`usedBy\`.`,
    input: (t: Fields) => ({ ...targetInput(t, resource), ...dryRunInput(t, resource, 'delete') }),
    ...onTarget,
    ...auditTarget,
    ...resultsOf(resource, 'delete', DELETED, async (input, ctx) => ({
      deletedId: await remove(ctx, resource, input),
    })),
  } as never);
  addBulk(resource, { create: createInput, update: updateInput });
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

async function getVisible<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  given: GivenReference,
): Promise<Row> {
  const row = await loadReferenced(ctx, target, given);
  if (!row || !canSee(ctx, target, row)) throw notFound(target.name);
  return row;
}
