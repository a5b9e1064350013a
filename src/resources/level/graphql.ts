import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { createLevel, deleteLevel, findLevel, type LevelRow, listLevels, updateLevel } from './service.ts';

export const Level = builder.objectRef<LevelRow>('Level');

builder.node(Level, {
  description: 'A step of the rubric: a service reaches it by passing the checks of this level and of those below.',
  permission: 'level:read',
  id: { resolve: (level) => level.id },
  loadWithoutCache: (id, ctx) => findLevel(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, unique in the organization.' }),
    description: t.exposeString('description', { nullable: true, description: 'What a service on it has reached.' }),
    index: t.exposeInt('index', { description: 'Its place: 0 is the lowest, and no place stays empty.' }),
    viewerPermissions: t.field(viewerPermissions<LevelRow>('level')),
  }),
});

builder.queryField('levels', (t) =>
  t.connection(
    {
      type: Level,
      nullable: true,
      permission: 'level:read',
      description: 'The levels of the rubric, the lowest first.',
      resolve: (_root, args, ctx) => listLevels(ctx, args),
    },
    connectionOf(Level),
  ),
);

mutation('createLevel', {
  permission: 'level:create',
  description: 'Adds a level to the rubric.',
  input: (t) => ({
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters, unique in the organization.' }),
    description: t.string({ description: 'What a service on it has reached, at most 2,000 characters.' }),
    index: t.int({
      description: 'Its place, from 0 to the number of levels; those from there on move up. On top unless told.',
    }),
  }),
  results: { level: { type: Level, description: 'The new level.' } },
  resolve: async (input, ctx) => ({ level: await createLevel(ctx, input) }),
});

mutation('updateLevel', {
  permission: 'level:update',
  description: 'Changes or moves a level. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The level.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters, unique in the organization. Cannot be cleared.' }),
    description: t.string({
      description: 'What a service on it has reached, at most 2,000 characters; null clears it.',
    }),
    index: t.int({
      description: 'Its new place; the levels between the old and the new one move by one. Cannot be cleared.',
    }),
  }),
  results: { level: { type: Level, description: 'The level as it is now.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    level: await updateLevel(ctx, targetId('lvl', id), changes),
  }),
});

mutation('deleteLevel', {
  permission: 'level:delete',
  description:
    'Deletes a level that no check uses, and moves those above it down; with checks on it the answer lists them (IN_USE).',
  input: (t) => ({ id: t.id({ required: true, description: 'The level.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteLevel(ctx, targetId('lvl', input.id)) }),
});
