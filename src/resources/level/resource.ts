import { alias, denseIndex, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { levelHooks } from './service.ts';
import { levels } from './table.ts';

export const Level = resource('Level', {
  table: levels,
  id: 'lvl',
  permission: 'level',
  plural: 'levels',
  description:
    'A step of the rubric, such as Silver. A service reaches a level if it passes all checks of this level and of the levels below.',
  attributes: {
    name: singleLine(100, 'The name of the level', { unique: true }),
    alias: alias('The short name of the level, for use in code'),
    description: multiLine(2000, 'What a service of this level has achieved'),
    index: denseIndex('The position of the level'),
  },
  filter: { search: ['name'] },
  order: ['index'],
  hooks: levelHooks,
});
