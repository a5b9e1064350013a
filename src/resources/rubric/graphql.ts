import { and, isNull, type SQL } from 'drizzle-orm';
import { multiLine, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { node } from '../../graphql/resource.ts';
import { attributeInputs, valuesOf } from '../../graphql/resource-inputs.ts';
import { addListTo } from '../../graphql/resource-list.ts';
import { Category } from '../category/resource.ts';
import { categories } from '../category/table.ts';
import { inCategories } from '../check/in-categories.ts';
import { Check } from '../check/resource.ts';
import { checks } from '../check/table.ts';
import { Level } from '../level/resource.ts';
import { getRubric, updateRubric } from './service.ts';
import { rubrics } from './table.ts';

const Rubric = node('Rubric', {
  table: rubrics,
  id: 'rub',
  permission: 'rubric',
  description:
    'How the organization evaluates its services: by categories, levels and checks. Each organization has one rubric.',
  attributes: {
    name: singleLine(100, 'The name of the rubric'),
    description: multiLine(2000, 'The purpose of the rubric'),
  },
});

addListTo(Rubric.type, Level as never);
addListTo(Rubric.type, Category as never, {
  description: 'Omits the categories of scorecards.',
  where: () => isNull(categories.scorecardId),
});
addListTo(Rubric.type, Check as never, {
  description: 'Omits the checks of scorecards and campaigns.',
  where: (ctx) => and(isNull(checks.campaignId), inCategories(ctx, isNull(categories.scorecardId))) as SQL,
});

builder.queryField('rubric', (t) =>
  t.field({
    type: Rubric.type,
    nullable: true,
    permission: 'rubric:read',
    description: 'The rubric of the organization.',
    resolve: (_root, _args, ctx) => getRubric(ctx),
  }),
);

mutation('updateRubric', {
  permission: 'rubric:update',
  description: 'Updates the rubric. Omitted fields are unchanged.',
  input: (t) => attributeInputs(t, Rubric, 'update'),
  results: { rubric: { type: Rubric.type, description: 'The updated rubric.' } },
  resolve: async (input, ctx) => ({ rubric: await updateRubric(ctx, await valuesOf(ctx, Rubric, 'update', input)) }),
});
