import { type GraphQLObjectType, isListType, isNonNullType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { schema } from '../support/introspect.ts';

const costOf = (type: string, field: string): unknown =>
  (schema.getType(type) as GraphQLObjectType).getFields()[field]?.extensions['complexity'];

test('a field whose value can be large has the cost of its type or of its limit', () => {
  const fields = ['Role.permissions', 'Check.notes', 'Category.description', 'Check.name', 'AuditEvent.before'];
  const costs = [...fields, 'UserError.path', 'PolicyStatement.permissions', 'Check.viewerPermissions'].map((name) => {
    const [type = '', field = ''] = name.split('.');
    return [name, costOf(type, field)];
  });
  expect(Object.fromEntries(costs)).toEqual({
    'Role.permissions': 1 + PERMISSIONS.size,
    'Check.notes': 21,
    'Category.description': 3,
    'Check.name': 1,
    'AuditEvent.before': 20,
    'UserError.path': 11,
    'PolicyStatement.permissions': 11,
    'Check.viewerPermissions': 1 + [...PERMISSIONS.keys()].filter((name) => /^check:(?!create)/.test(name)).length,
  });
});

test('every list of permissions costs more than one field', () => {
  const cheap = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })))
    .filter(({ field }) => {
      const type = isNonNullType(field.type) ? field.type.ofType : field.type;
      return isListType(type) && String(type).includes('Permission!') && !(Number(field.extensions['complexity']) > 1);
    });
  expect(cheap.map(({ name }) => name)).toEqual([]);
});
