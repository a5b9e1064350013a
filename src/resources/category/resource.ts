import { alias, multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { categoryHooks } from './service.ts';
import { categories } from './table.ts';

export const Category = resource('Category', {
  table: categories,
  id: 'cat',
  permission: 'category',
  plural: 'categories',
  description: 'A section of the rubric, such as Security. Each check belongs to one category.',
  attributes: {
    name: singleLine(100, 'The name of the category', { unique: true }),
    alias: alias('The short name of the category, for use in code'),
    description: multiLine(2000, 'What the category covers'),
  },
  filter: { search: ['name'] },
  order: ['name'],
  hooks: categoryHooks,
});
