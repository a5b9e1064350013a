import { alias, json, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { FORMATS } from '../../lib/json-schema/keywords.ts';
import { jsonObject, MAX_SCHEMA, propertyDefinitionHooks } from './service.ts';
import { propertyDefinitions } from './table.ts';

export const PropertyDefinition = resource('PropertyDefinition', {
  table: propertyDefinitions,
  id: 'prd',
  permission: 'property_definition',
  plural: 'propertyDefinitions',
  description:
    'A property that services can have, such as their port. A deletion also deletes the values of all services.',
  attributes: {
    name: singleLine(100, 'The name of the property', { unique: true }),
    alias: alias('The short name of the property, for use in code'),
    description: multiLine(2000, 'What the property means'),
    schema: {
      ...json(
        jsonObject,
        `A JSON Schema of draft 2020-12 that each value matches. Patterns are regular expressions of RE2. The formats are ${FORMATS.join(', ')}. A reference must refer to a part of the same schema. The order of keys is not kept`,
        MAX_SCHEMA,
      ),
      change: 'Returns IN_USE if the value of a service does not match the new schema.',
    },
  },
  filter: { search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt'],
  hooks: propertyDefinitionHooks,
});
