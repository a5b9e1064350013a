import { type GraphQLInterfaceType, getNamedType, isAbstractType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../support/introspect.ts';

/** Types that permissions in projects open as well. They cannot vouch for the objects that their fields return. */
const types = Object.values(schema.getTypeMap())
  .filter(isObjectType)
  .filter(({ extensions }) => (extensions['guard'] as { inProjects?: unknown } | undefined)?.inProjects);
const nodes = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType);

test('the fields of a type that is open in its projects hide what the caller may not see', () => {
  expect(types.map(({ name }) => name)).toContain('Invitation');
  const fields = types.flatMap((type) =>
    Object.values(type.getFields()).filter((field) => {
      const named = getNamedType(field.type);
      return isAbstractType(named) ? schema.getPossibleTypes(named).length > 0 : nodes.includes(named as never);
    }),
  );
  expect(fields.map(({ name }) => name).sort()).toEqual(['inviter', 'role']);
  const unfiltered = fields.filter(({ extensions }) => !(extensions['visibility'] as { filter: unknown }).filter);
  expect(unfiltered.map(({ name }) => name)).toEqual([]);
});
