import {
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
} from 'graphql';
import type { Requirement } from './requirement.ts';

/** The schema coordinates that require each permission, such as `Mutation.updateCheck` or `Query.roles(projectId:)`. */
export type PermissionUses = ReadonlyMap<string, readonly string[]>;

interface Element {
  name: string;
  extensions: Readonly<Record<string, unknown>>;
}

/** Reads what the guards have declared, so that it is complete. */
export function permissionUses(schema: GraphQLSchema): PermissionUses {
  const uses = new Map<string, string[]>();
  for (const type of Object.values(schema.getTypeMap()))
    for (const [coordinate, element] of elementsOf(type))
      for (const name of permissionsOf(element)) uses.set(name, [...(uses.get(name) ?? []), coordinate]);
  return uses;
}

function permissionsOf({ extensions }: Element): Set<string> {
  const { requires = [] } = (extensions['directives'] ?? {}) as { requires?: readonly Requirement[] };
  return new Set(requires.flatMap(({ permission, anyOf }) => anyOf ?? permission ?? []));
}

/** The type and all elements of it, with their schema coordinates. */
function elementsOf(type: GraphQLNamedType): [coordinate: string, element: Element][] {
  const own: [string, Element] = [type.name, type];
  const under = (elements: readonly Element[]) =>
    elements.map((element): [string, Element] => [`${type.name}.${element.name}`, element]);
  if (isEnumType(type)) return [own, ...under(type.getValues())];
  if (isInputObjectType(type)) return [own, ...under(Object.values(type.getFields()))];
  if (!isObjectType(type)) return [own];
  return [
    own,
    ...Object.values(type.getFields()).flatMap((field): [string, Element][] => {
      const coordinate = `${type.name}.${field.name}`;
      return [
        [coordinate, field],
        ...field.args.map((arg: GraphQLArgument): [string, Element] => [`${coordinate}(${arg.name}:)`, arg]),
      ];
    }),
  ];
}

/** The uses that the guard plugin has stored in the schema when it was built. */
export const usesIn = ({ extensions }: GraphQLSchema): PermissionUses => extensions['permissionUses'] as PermissionUses;
