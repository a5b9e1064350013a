import type { PgColumn } from 'drizzle-orm/pg-core';
import type { GraphQLResolveInfo } from 'graphql';
import { canOnSome } from '../access/access.ts';
import type { Context } from '../context.ts';
import { capitalized, fieldOfConstant, nounOf } from '../lib/words.ts';
import type { Attribute, Union } from './attributes.ts';
import { builder, type SchemaTypes } from './builder.ts';
import type { Computed } from './declaration.ts';
import { partFields } from './part-fields.ts';
import { type AnyRow, columnOf, type DeclaredNode, targetOf } from './resource-model.ts';
import { type TypeSource, withSource } from './source.ts';
import { canSee, scopeOf } from './target.ts';
import { viewerPermissions } from './viewer-permissions.ts';

type Fields = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, AnyRow>;

const rowsOf = ({ table, prefix, project, owner = null, service = null }: DeclaredNode): TypeSource => ({
  table,
  prefix,
  id: table.id,
  organization: table.organizationId,
  project,
  owner,
  service,
});

/** Adds the node type with a field for each attribute. */
export function addType(resource: DeclaredNode): void {
  const { type, declaration, attributes, permission, project, projectOf, owner, ownerOf, service } = resource;
  const { computed = {}, fields } = declaration;
  builder.node(type, {
    description: declaration.description,
    permission,
    ...(project && { on: projectOf }),
    ...(owner && { ownedBy: ownerOf }),
    ...(service && { onSome: true as const }),
    extensions: withSource(rowsOf(resource)),
    id: { resolve: (row: AnyRow) => row.id },
    loadWithoutCache: async (id: string, ctx: Context) => {
      const row = await resource.load(ctx, id);
      // The guard of the type asks the permission only. In a project that the caller cannot read, nothing exists.
      return row && canSee(ctx, resource, row) ? row : null;
    },
    brandLoadedObjects: true,
    fields: (t: Fields) => ({
      ...projectField(t, resource),
      ...Object.fromEntries(attributes.map(([key, attribute]) => fieldFor(t, resource, key, attribute))),
      ...partFields(t, resource),
      ...Object.fromEntries(Object.entries(computed).map(([key, one]) => [key, computedField(t, one as never)])),
      ...times(t, resource),
      viewerPermissions: t.field(viewerPermissions<AnyRow>(declaration.permission, permissionScope(resource))),
      ...fields?.(t as never),
    }),
  } as never);
}

/** An object of a service is visible only with the permission on the service, and it has no others. */
const permissionScope = (resource: DeclaredNode) =>
  resource.service
    ? { of: ({ unit: { access } }: Context) => [resource.permission].filter((name) => canOnSome(access, name)) }
    : { on: (row: AnyRow) => scopeOf(resource, row) };

function projectField(t: Fields, { declaration, noun, project }: DeclaredNode) {
  const target = declaration.project;
  if (!target || target === 'self') return {};
  return {
    project: t.field({
      type: target.type,
      nullable: true,
      description: `The project of the ${noun}. Null if it is not visible to the caller.`,
      extensions: withSource({ kind: 'reference', by: project as PgColumn }),
      resolve: (row: AnyRow, _args: object, ctx: Context) => target.load(ctx, row['projectId'] as string),
    } as never),
  };
}

function fieldFor(t: Fields, resource: DeclaredNode, key: string, attribute: Omit<Attribute, 'column'>) {
  const { type, nullable, description, reference, unique, union, cost } = attribute;
  if (union) return [key, unionField(t, resource, key, union, description)];
  if (!reference) {
    const where = resource.project ? 'project' : 'organization';
    const notes = [
      `${description}.`,
      ...(unique ? [`Unique in the ${where}${key === 'alias' ? '' : ', case-insensitive'}.`] : []),
      ...(nullable && !/\bNull\b/.test(description) ? ['Null if there is none.'] : []),
    ];
    const options = { type, nullable, description: notes.join(' '), ...(cost && { complexity: cost }) };
    return [key, t.expose(key as never, options as never)];
  }
  const target = targetOf(resource, reference.target);
  const missing = nullable ? 'Null if there is none or it is not visible' : 'Null if it is not visible';
  const cleared = reference.onDelete === 'clear' ? ` Becomes null when the ${nounOf(target.name)} is deleted.` : '';
  return [
    key.slice(0, -2),
    t.field({
      type: target.type,
      nullable: true,
      description: `${description}. ${missing} to the caller.${cleared}`,
      extensions: withSource({ kind: 'reference', by: columnOf(resource, key) }),
      resolve: (row: AnyRow, _args: object, ctx: Context, info: GraphQLResolveInfo) =>
        row[key] === null ? null : target.load(ctx, row[key] as string, info),
    } as never),
  ];
}

/** The settings of the row, as an object of the type of their member. */
function unionField(t: Fields, resource: DeclaredNode, key: string, union: Union, description: string) {
  const { by, members, withDefaults } = union;
  const [, selects] = resource.attributes.find(([name]) => name === by) as [string, Attribute];
  const types = Object.entries(members).map(([value, member]) =>
    builder.objectRef<AnyRow>(`${capitalized(fieldOfConstant(value))}${union.name}`).implement({
      description: `${member.description}.`,
      public: true,
      fields: (own: Fields) => ({
        [by]: own.expose(
          by as never,
          { type: selects.type, description: `${selects.description}. Is always ${value}.` } as never,
        ),
        ...Object.fromEntries(
          Object.entries(member.attributes).map(([name, attribute]) => fieldFor(own, resource, name, attribute)),
        ),
      }),
    } as never),
  );
  const nameOf = (value: unknown): string => `${capitalized(fieldOfConstant(value as string))}${union.name}`;
  const type = builder.unionType(union.name, {
    description: `${description}. The type is determined by \`${by}\`.`,
    types: types as never,
    resolveType: (row: unknown) => nameOf((row as AnyRow)[by]),
  });
  return t.field({
    type,
    description: `${description}.`,
    resolve: (row: AnyRow) => ({ ...row, ...withDefaults(row[by] as never, row[key] as object) }),
  } as never);
}

const computedField = (t: Fields, { type, nullable = false, description, columns, value }: Computed<AnyRow>) =>
  t.field({
    type,
    nullable,
    description,
    extensions: withSource({ kind: 'computed', columns, value }),
    resolve: (row: AnyRow, _args: object, ctx: Context) => value(row, ctx.dependencies.clock()),
  } as never);

/** Fields for the columns `createdAt` and `updatedAt` of the table. */
function times(t: Fields, { table, noun }: DeclaredNode) {
  const time = (key: string, verb: string) =>
    key in table
      ? { [key]: t.expose(key as never, { type: 'DateTime', description: `When the ${noun} was ${verb}.` } as never) }
      : {};
  return { ...time('createdAt', 'created'), ...time('updatedAt', 'last updated') };
}
