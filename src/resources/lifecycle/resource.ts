import { alias, denseIndex, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { positionHooks } from '../evaluation/position-hooks.ts';
import { lifecycles } from './table.ts';

export const Lifecycle = resource('Lifecycle', {
  table: lifecycles,
  id: 'lif',
  permission: 'lifecycle',
  plural: 'lifecycles',
  description: 'A stage in the life of a service, such as Beta.',
  attributes: {
    name: singleLine(100, 'The name of the stage', { unique: true }),
    alias: alias('The short name of the stage, for use in code'),
    description: multiLine(2000, 'What services in this stage have in common'),
    index: denseIndex('The position of the stage'),
  },
  filter: { search: ['name'] },
  order: ['index'],
  hooks: positionHooks,
});
