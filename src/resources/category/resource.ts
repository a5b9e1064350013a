import { alias, multiLine, optionalRef, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { Scorecard } from '../scorecard/resource.ts';
import { categoryHooks } from './service.ts';
import { categories } from './table.ts';

export const Category = resource('Category', {
  table: categories,
  id: 'cat',
  permission: 'category',
  plural: 'categories',
  description: 'A section of the rubric or of a scorecard, such as Security. Each check belongs to one category.',
  attributes: {
    name: singleLine(100, 'The name of the category', { unique: true, uniqueIn: 'the rubric or the scorecard' }),
    alias: alias('The short name of the category, for use in code'),
    description: multiLine(2000, 'What the category covers'),
    scorecardId: optionalRef(
      Scorecard,
      'The scorecard that the category belongs to. Without it, the category belongs to the rubric',
      {
        fixed: true,
        onDelete: 'hook',
      },
    ),
  },
  filter: { scorecardId: 'null by default', search: ['name'] },
  order: ['name'],
  hooks: categoryHooks,
});
