import { alias, denseIndex, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { positionHooks } from '../evaluation/position-hooks.ts';
import { lifecycles } from './table.ts';

export const Lifecycle = resource('Lifecycle', {
  table: lifecycles,
  id: 'lif',
  permission: 'lifecycle',
  plural: 'lifecycles',
  description: 'A lifecycle stage of services, such as Beta.',
  attributes: {
    name: singleLine(100, 'The name of the lifecycle stage', { unique: true }),
    alias: alias('The short name of the lifecycle stage, for use in code'),
    description: multiLine(2000, 'What services in this lifecycle stage have in common'),
    index: denseIndex('The position of the lifecycle stage'),
  },
  filter: { search: ['name'] },
  order: ['index'],
  hooks: positionHooks,
});
