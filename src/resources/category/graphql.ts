import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import {
  type CategoryRow,
  createCategory,
  deleteCategory,
  findCategory,
  listCategories,
  updateCategory,
} from './service.ts';

export const Category = builder.objectRef<CategoryRow>('Category');

builder.node(Category, {
  description: 'A part of the rubric: what a check is about, such as Security.',
  permission: 'category:read',
  id: { resolve: (category) => category.id },
  loadWithoutCache: (id, ctx) => findCategory(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, unique in the organization.' }),
    description: t.exposeString('description', { nullable: true, description: 'What belongs in it.' }),
    viewerPermissions: t.field(viewerPermissions<CategoryRow>('category')),
  }),
});

builder.queryField('categories', (t) =>
  t.connection(
    {
      type: Category,
      nullable: true,
      permission: 'category:read',
      description: 'The categories of the rubric, by name.',
      resolve: (_root, args, ctx) => listCategories(ctx, args),
    },
    connectionOf(Category),
  ),
);

mutation('createCategory', {
  permission: 'category:create',
  description: 'Adds a category to the rubric.',
  input: (t) => ({
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters, unique in the organization.' }),
    description: t.string({ description: 'What belongs in it, at most 2,000 characters.' }),
  }),
  results: { category: { type: Category, description: 'The new category.' } },
  resolve: async (input, ctx) => ({ category: await createCategory(ctx, input) }),
});

mutation('updateCategory', {
  permission: 'category:update',
  description: 'Changes a category. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The category.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters, unique in the organization. Cannot be cleared.' }),
    description: t.string({ description: 'What belongs in it, at most 2,000 characters; null clears it.' }),
  }),
  results: { category: { type: Category, description: 'The category as it is now.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    category: await updateCategory(ctx, targetId('cat', id), changes),
  }),
});

mutation('deleteCategory', {
  permission: 'category:delete',
  description: 'Deletes a category that no check uses; with checks in it the answer lists them (IN_USE).',
  input: (t) => ({ id: t.id({ required: true, description: 'The category.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteCategory(ctx, targetId('cat', input.id)) }),
});
