import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { findRubric, getRubric, type RubricRow, updateRubric } from './service.ts';

const Rubric = builder.objectRef<RubricRow>('Rubric');

builder.node(Rubric, {
  description:
    'How the organization judges its services: categories × levels, filled with checks. Each organization has one.',
  permission: 'rubric:read',
  id: { resolve: (rubric) => rubric.id },
  loadWithoutCache: (id, ctx) => findRubric(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is meant to reach.' }),
    viewerPermissions: t.field(viewerPermissions<RubricRow>('rubric')),
  }),
});

builder.queryField('rubric', (t) =>
  t.field({
    type: Rubric,
    nullable: true,
    permission: 'rubric:read',
    description: 'The rubric of the organization.',
    resolve: (_root, _args, ctx) => getRubric(ctx),
  }),
);

mutation('updateRubric', {
  permission: 'rubric:update',
  description: 'Changes the rubric’s name and description. What is omitted stays as it is.',
  input: (t) => ({
    name: t.string({ description: 'Its name, 1 to 100 characters. Cannot be cleared.' }),
    description: t.string({ description: 'What it is meant to reach, at most 2,000 characters; null clears it.' }),
  }),
  results: { rubric: { type: Rubric, description: 'The rubric as it is now.' } },
  resolve: async (input, ctx) => ({ rubric: await updateRubric(ctx, input) }),
});
