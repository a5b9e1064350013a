import { alias, denseIndex, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { positionHooks } from '../evaluation/position-hooks.ts';
import { tiers } from './table.ts';

export const Tier = resource('Tier', {
  table: tiers,
  id: 'tie',
  permission: 'tier',
  plural: 'tiers',
  description: 'How important a service is for the business, such as Tier 1.',
  attributes: {
    name: singleLine(100, 'The name of the tier', { unique: true }),
    alias: alias('The short name of the tier, for use in code'),
    description: multiLine(2000, 'What services of this tier have in common'),
    index: denseIndex('The position of the tier'),
  },
  filter: { search: ['name'] },
  order: ['index'],
  hooks: positionHooks,
});
