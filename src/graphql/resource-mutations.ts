import type { InputFieldMap } from '@pothos/core';
import { z } from 'zod';
import type { Context } from '../context.ts';
import { denseIndexOf } from '../data/dense-index.ts';
import { releaseReferences } from '../data/references.ts';
import { AmbitError, invalid, notFound, type UserError, userError } from '../lib/errors.ts';
import { fromPublicId } from '../lib/ids.ts';
import { parse, targetId } from '../lib/input.ts';
import type { Attribute, ReferenceOptions } from './attributes.ts';
import type { SchemaTypes } from './builder.ts';
import { DELETED, mutation } from './mutation.ts';
import { type AnyRow, columnOf, inputNameOf, type Resource, targetOf } from './resource-model.ts';
import {
  canSee,
  type GivenReference,
  loadReferenced,
  referenceInputOf,
  resolveReference,
  type Target,
} from './target.ts';
import { capitalized, withArticle } from './words.ts';

type Input = Record<string, unknown>;
type Fields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;
type When = 'create' | 'update';

/** Adds the mutations create, update and delete. */
export function addMutations(resource: Resource): void {
  const { name, noun, field, type, project } = resource;
  const payload = { [field]: { type, description: `The ${noun}.` } };
  const where = project ? ' in a project' : '';
  mutation(`create${name}`, {
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
  const onTarget = project && {
    on: async (input: Input, ctx: Context) =>
      resource.projectOf(await getVisible(ctx, resource, targetIn(resource, input))),
  };
  mutation(`update${name}`, {
    permission: resource.permissionTo('update'),
    description: `Updates ${withArticle(noun)}. Omitted fields are unchanged.`,
    input: (t: Fields) => ({ ...targetInput(t, resource), ...attributeInputs(t, resource, 'update') }),
    ...onTarget,
    results: payload,
    resolve: async (input: Input, ctx: Context) => ({ [field]: await update(ctx, resource, input) }),
  } as never);
  mutation(`delete${name}`, {
    permission: resource.permissionTo('delete'),
    description: `Deletes ${withArticle(noun)}. Fails with IN_USE and lists the objects that refer to it, if there are any.`,
    input: (t: Fields) => targetInput(t, resource),
    ...onTarget,
    results: DELETED,
    resolve: async (input: Input, ctx: Context) => ({ deletedId: await remove(ctx, resource, input) }),
  } as never);
}

const projectInput = (t: Fields, { project, noun }: Resource): InputFieldMap =>
  project ? { projectId: t.id({ required: true, description: `The project of the ${noun}.` }) } : {};

/** The object that a mutation is about: `id`, or `category: { id } | { alias }`. */
function targetInput(t: Fields, resource: Resource): InputFieldMap {
  const { loadByAlias, field, noun } = resource;
  return loadByAlias
    ? { [field]: t.field({ type: referenceInputOf(resource), required: true, description: `The ${noun}.` }) }
    : { id: t.id({ required: true, description: `The ID of the ${noun}.` }) };
}

const targetIn = ({ loadByAlias, field }: Resource, input: Input): GivenReference =>
  (loadByAlias ? input[field] : input['id']) as GivenReference;

function attributeInputs(t: Fields, resource: Resource, when: When): InputFieldMap {
  const given = resource.attributes.filter(([, { fixed }]) => when === 'create' || !fixed);
  return Object.fromEntries(
    given.flatMap(([key, attribute]) => {
      const name = inputName(resource, key, attribute);
      const { reference, defaultValue, required } = attribute;
      const type = reference ? referenceInputOf(targetOf(resource, reference.target)) : attribute.type;
      const description = inputDescription(resource, key, attribute, when);
      const field = (options: object) => t.field({ type, description, ...options } as never);
      if (when === 'create')
        return [
          [
            name,
            field({
              required: required || defaultValue !== undefined,
              ...(defaultValue !== undefined && { defaultValue }),
            }),
          ],
        ];
      return [[name, field({})], ...listInputs(t, name, attribute)];
    }),
  );
}

const listInputs = (t: Fields, name: string, { isList }: Attribute) =>
  (isList ? (['add', 'remove'] as const) : []).map((verb) => [
    `${verb}${capitalized(name)}`,
    t.stringList({ description: `Items to ${verb}. Not together with \`${name}\`.` }),
  ]);

const inputName = (resource: Resource, key: string, { reference }: Attribute): string =>
  reference ? inputNameOf(key, targetOf(resource, reference.target)) : key;

function inputDescription(resource: Resource, key: string, attribute: Attribute, when: When): string {
  const { description, limits, unique, nullable } = attribute;
  const note = when === 'create' ? attribute.creation : attribute.change;
  const where = resource.project ? 'project' : 'organization';
  return [
    `${description}.`,
    ...(limits ? [limits] : []),
    ...(unique ? [`Unique in the ${where}${key === 'alias' ? '' : ', ignoring case'}.`] : []),
    ...(note ? [note] : []),
    ...(when === 'update' ? [nullable ? 'Null clears it.' : 'Cannot be null.'] : []),
  ].join(' ');
}

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
  return (await rows.insert(ctx, { ...values, ...times, ...(projectId && { projectId }) } as never)) as AnyRow;
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
  return (await rows.update(ctx, before, { ...changes, ...times } as never)) as AnyRow;
}

async function remove(ctx: Context, resource: Resource, input: Input): Promise<string> {
  const { declaration, rows, table, noun, loadByAlias, field } = resource;
  const order = denseIndex(resource);
  await order?.lock(ctx);
  const row = await lockTarget(ctx, resource, input);
  await releaseReferences(ctx, table, noun, row.id, loadByAlias ? field : 'id');
  await declaration.hooks?.beforeDelete?.(ctx, row as never);
  const deletedId = await rows.remove(ctx, row);
  await order?.closeGap(ctx, row['index'] as number);
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
  return (await resource.rows.lock(ctx, id)) as AnyRow;
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

/** The columns that an input sets. */
async function valuesOf(
  ctx: Context,
  resource: Resource,
  when: When,
  input: Input,
  projectId: string | null,
): Promise<Input> {
  const given = resource.attributes.filter(([, { fixed }]) => when === 'create' || !fixed);
  const shape = Object.fromEntries(
    given.map(([key, attribute]) => [inputName(resource, key, attribute), attribute[when]]),
  );
  const errors: UserError[] = [];
  const parsed = (await collect(errors, () => parse(z.object(shape), input) as Input)) ?? input;
  const values: Input = {};
  for (const [key, attribute] of given) {
    const name = inputName(resource, key, attribute);
    const value = parsed[name];
    if (value === undefined) continue;
    values[key] = attribute.reference
      ? await collect(errors, () =>
          referenced(ctx, resource, attribute, value as GivenReference | null, name, projectId),
        )
      : attribute.isList
        ? [...new Set(value as string[])]
        : value;
  }
  if (errors.length > 0) throw invalid(...errors);
  return values;
}

/** Adds the input errors of a step to the list, so that the caller gets all of them at once. */
async function collect<T>(errors: UserError[], step: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof AmbitError && error.userErrors)) throw error;
    errors.push(...error.userErrors);
    return undefined;
  }
}

async function referenced(
  ctx: Context,
  resource: Resource,
  { reference, nullable }: Attribute,
  given: GivenReference | null,
  name: string,
  projectId: string | null,
): Promise<string | null> {
  if (given !== null)
    return await resolveReference(
      ctx,
      targetOf(resource, (reference as ReferenceOptions).target),
      given,
      name,
      projectId,
    );
  if (nullable) return null;
  throw invalid(userError('REQUIRED', name, `${name}: must be given, and not be null.`));
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
        userError('INVALID', key, `${key}: replaces the list, so it cannot be given together with changes to it.`),
      );
    const removed = new Set(remove?.map((item) => item.trim()));
    const kept = (before[key] as string[]).filter((item) => !removed.has(item));
    const edited = parse(z.object({ [key]: schema }), { [key]: [...kept, ...(add ?? [])] });
    values[key] = [...new Set(edited[key] as string[])];
  }
}
