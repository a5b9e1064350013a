import { alias, boolean, dateTime, multiLine, oneOf, optionalRef, ref, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { resource } from '../../graphql/resource.ts';
import { Category } from '../category/resource.ts';
import { Level } from '../level/resource.ts';
import { memberTarget } from '../member/graphql.ts';
import { checkHooks, enabledIs, isEnabled } from './service.ts';
import { CHECK_TYPES, checks } from './table.ts';

const CheckType = builder.enumType('CheckType', {
  description: 'How the result of a check is determined.',
  values: {
    MANUAL: { description: 'A person or a program reports the result.' },
    HAS_OWNER: { description: 'Passes if a team owns the service.' },
    SERVICE_PROPERTY: { description: 'Passes if a property of the service has a value that meets a condition.' },
    TAG_DEFINED: { description: 'Passes if the service has a tag.' },
    LINK: { description: 'Passes if the service has a link.' },
    HAS_DEPENDENCY: { description: 'Passes if the service depends on another service.' },
    RECENT_DEPLOY: { description: 'Passes if the last deploy of the service is recent.' },
  } as const,
});

export const Check = resource('Check', {
  table: checks,
  id: 'chk',
  permission: 'check',
  plural: 'checks',
  description: 'A requirement for services. Each check belongs to one category and one level of the rubric.',
  attributes: {
    name: singleLine(200, 'The name of the check'),
    alias: alias('The short name of the check, for use in code'),
    notes: multiLine(20_000, 'Why the check exists and how to pass it, as Markdown. Sanitize it before you render it'),
    type: oneOf(CheckType, CHECK_TYPES, 'How the result is determined', { defaultValue: 'MANUAL', fixed: true }),
    categoryId: ref(Category, 'The category of the check'),
    levelId: ref(Level, 'The level of the check'),
    ownerId: optionalRef(memberTarget, 'The member who is responsible for the check', {
      reverse: 'ownedChecks',
      onDelete: 'clear',
    }),
    enabled: boolean(
      'Whether the check is enabled. Services must pass only enabled checks',
      'Defaults to true, or to false if `enableOn` is given.',
    ),
    enableOn: dateTime('When the check becomes enabled', 'Cannot be combined with `enabled: true`.'),
  },
  computed: {
    enabled: {
      type: 'Boolean',
      description:
        'Whether the check is enabled. Becomes true at the time `enableOn`. Services must pass only enabled checks.',
      columns: ['enabled', 'enableOn'],
      value: isEnabled,
      filter: enabledIs,
    },
  },
  filter: {
    type: true,
    categoryId: true,
    levelId: true,
    ownerId: true,
    search: ['name'],
    createdAt: 'range',
    updatedAt: 'range',
  },
  order: ['name', 'createdAt', 'updatedAt'],
  bulk: ['create'],
  hooks: checkHooks,
});
