import { isAskedFor } from '../../data/loader.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { Category } from '../category/graphql.ts';
import { findCategory } from '../category/service.ts';
import { Level } from '../level/graphql.ts';
import { findLevel } from '../level/service.ts';
import { Member } from '../member/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { findUserOfMember } from '../user/service.ts';
import { type CheckRow, createCheck, deleteCheck, findCheck, isEnabled, listChecks, updateCheck } from './service.ts';

const CheckTypeEnum = builder.enumType('CheckType', {
  description: 'How the result of a check comes about.',
  values: { MANUAL: { description: 'Somebody looks, and says.' } } as const,
});

const Check = builder.objectRef<CheckRow>('Check');

builder.node(Check, {
  description: 'Something that a service has to fulfil: one cell of the rubric holds any number of them.',
  permission: 'check:read',
  id: { resolve: (check) => check.id },
  loadWithoutCache: (id, ctx) => findCheck(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What has to be so.' }),
    notes: t.exposeString('notes', {
      nullable: true,
      description: 'Why, and how to get there. Markdown, as it was written: sanitize it before showing.',
    }),
    type: t.field({ type: CheckTypeEnum, description: 'How its result comes about.', resolve: (check) => check.type }),
    category: t.field({
      type: Category,
      nullable: true,
      description: 'What it is about.',
      resolve: (check, _args, ctx) => findCategory(ctx, check.categoryId),
    }),
    level: t.field({
      type: Level,
      nullable: true,
      description: 'The level that it belongs to.',
      resolve: (check, _args, ctx) => findLevel(ctx, check.levelId),
    }),
    owner: t.field({
      type: Member,
      nullable: true,
      description: 'Who answers for it; null when nobody does. Leaving the organization clears it.',
      resolve: (check, _args, ctx, info) => {
        if (!check.ownerId) return null;
        if (isAskedFor(info, 'user')) findUserOfMember(ctx, check.ownerId).catch(() => undefined);
        return findPrincipal(ctx, check.ownerId);
      },
    }),
    enabled: t.boolean({
      description: 'Whether it counts now: switched on, or `enableOn` has come.',
      resolve: (check, _args, ctx) => isEnabled(ctx, check),
    }),
    enableOn: t.expose('enableOn', {
      type: 'DateTime',
      nullable: true,
      description: 'From when on it counts by itself.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
    viewerPermissions: t.field(viewerPermissions<CheckRow>('check')),
  }),
});

const CheckFilter = builder.inputType('CheckFilter', {
  description: 'Which checks to list: those that fulfil everything given.',
  fields: (t) => ({
    categoryId: t.id({ description: 'In this category.' }),
    levelId: t.id({ description: 'On this level.' }),
    enabled: t.boolean({ description: 'That count now, or that do not.' }),
    search: t.string({ description: 'With this text in the name, in whichever case; at most 100 characters.' }),
  }),
});

const CheckOrderField = builder.enumType('CheckOrderField', {
  description: 'By what checks are ordered.',
  values: {
    NAME: { description: 'By name.' },
    CREATED_AT: { description: 'By creation.' },
  } as const,
});

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'Which end comes first.',
  values: { ASC: { description: 'The least first.' }, DESC: { description: 'The most first.' } } as const,
});

const CheckOrder = builder.inputType('CheckOrder', {
  description: 'How checks are ordered.',
  fields: (t) => ({
    field: t.field({ type: CheckOrderField, required: true, description: 'By what.' }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: 'ASC',
      description: 'Which end comes first.',
    }),
  }),
});

builder.queryField('checks', (t) =>
  t.connection(
    {
      type: Check,
      nullable: true,
      permission: 'check:read',
      description: 'The checks of the organization.',
      args: {
        filter: t.arg({ type: CheckFilter, description: 'Which checks; all unless told.' }),
        orderBy: t.arg({ type: CheckOrder, description: 'In which order; by name unless told.' }),
      },
      resolve: (_root, { filter, orderBy, ...args }, ctx) =>
        listChecks(ctx, filter ?? {}, orderBy ?? { field: 'NAME', direction: 'ASC' }, args),
    },
    connectionOf(Check),
  ),
);

mutation('createCheck', {
  permission: 'check:create',
  description: 'Makes a check.',
  input: (t) => ({
    name: t.string({ required: true, description: 'What has to be so, 1 to 200 characters.' }),
    notes: t.string({ description: 'Why, and how to get there. Markdown, at most 20,000 characters.' }),
    type: t.field({
      type: CheckTypeEnum,
      defaultValue: 'MANUAL',
      required: true,
      description: 'How its result comes about.',
    }),
    categoryId: t.id({ required: true, description: 'What it is about.' }),
    levelId: t.id({ required: true, description: 'The level that it belongs to.' }),
    ownerId: t.id({ description: 'The member who answers for it.' }),
    enabled: t.boolean({ description: 'Whether it counts. On unless told, or unless `enableOn` is given.' }),
    enableOn: t.field({
      type: 'DateTime',
      description: 'From when on it counts by itself. Not together with `enabled: true`.',
    }),
  }),
  results: { check: { type: Check, description: 'The new check.' } },
  resolve: async (input, ctx) => ({ check: await createCheck(ctx, input) }),
});

mutation('updateCheck', {
  permission: 'check:update',
  description: 'Changes a check. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The check.' }),
    name: t.string({ description: 'What has to be so, 1 to 200 characters. Cannot be cleared.' }),
    notes: t.string({ description: 'Why, and how to get there. Markdown, at most 20,000 characters; null clears it.' }),
    categoryId: t.id({ description: 'What it is about. Cannot be cleared.' }),
    levelId: t.id({ description: 'The level that it belongs to. Cannot be cleared.' }),
    ownerId: t.id({ description: 'The member who answers for it; null clears it.' }),
    enabled: t.boolean({ description: 'Whether it counts from now on; ends what `enableOn` says. Cannot be cleared.' }),
    enableOn: t.field({
      type: 'DateTime',
      description: 'From when on it counts by itself; until then it does not. Null clears it and leaves on what is on.',
    }),
  }),
  results: { check: { type: Check, description: 'The check as it is now.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    check: await updateCheck(ctx, targetId('chk', id), changes),
  }),
});

mutation('deleteCheck', {
  permission: 'check:delete',
  description: 'Deletes a check.',
  input: (t) => ({ id: t.id({ required: true, description: 'The check.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteCheck(ctx, targetId('chk', input.id)) }),
});
