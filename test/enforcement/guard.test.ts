import { printSchemaWithDirectives } from '@graphql-tools/utils';
import SchemaBuilder from '@pothos/core';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import {
  type ConstDirectiveNode,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedDirective,
  isSpecifiedScalarType,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  visit,
} from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import type { Context } from '../../src/context.ts';
import { builder as real } from '../../src/graphql/builder.ts';
import { authScopes, guardPlugin, refusedFieldError } from '../../src/graphql/guard.ts';
import { buildSchema } from '../../src/schema.ts';
import { PUBLIC_FIELDS } from './support.ts';

const schema = buildSchema();

interface Types {
  Context: Context;
  AuthScopes: { permission: Permission; own: 'look' | 'change' };
  DefaultFieldNullability: false;
}

/** A separate schema with the plugins of the real one. */
function createTestBuilder() {
  const builder = new SchemaBuilder<Types>({
    plugins: [guardPlugin, ScopeAuthPlugin],
    defaultFieldNullability: false,
    scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  });
  builder.queryType({});
  builder.queryField('open', (t) => t.boolean({ public: true, resolve: () => true }));
  return builder;
}
type TestBuilder = ReturnType<typeof createTestBuilder>;

const build = (add: (builder: TestBuilder) => void) => () => {
  const builder = createTestBuilder();
  add(builder);
  return builder.toSchema();
};

const field = (options: object) => ({ nullable: true, resolve: () => true, ...options }) as never;
const query = (options: object) => build((b) => b.queryField('asked', (t) => t.boolean(field(options))));
const mutation = (options: object) =>
  build((b) => {
    b.mutationType({});
    b.mutationField('done', (t) => t.boolean(field(options)));
  });
const subscription = (options: object) =>
  build((b) => {
    b.subscriptionType({});
    b.subscriptionField('heard', (t) => t.boolean({ ...(field(options) as object), subscribe: () => null } as never));
  });
const type = (options: object) =>
  build((b) => b.objectRef<object>('Thing').implement({ ...options, fields: (t) => ({ it: t.boolean(field({})) }) }));

test.each([
  ['field Query.asked', query],
  ['field Mutation.done', mutation],
  ['field Subscription.heard', subscription],
  ['type Thing', type],
])('the schema does not build when %s declares no access, or contradictory access', (name, built) => {
  const own = name.startsWith('type') ? () => true : true;
  expect(built({})).toThrow(`${name} declares no access`);
  expect(built({ authScopes: { permission: 'check:read' } })).toThrow(`${name} declares no access`);
  expect(built({ public: true, permission: 'check:read' })).toThrow(`${name} is public and guarded at once`);
  expect(built({ public: true, own })).toThrow(`${name} is public and guarded at once`);

  for (const options of [{ public: true }, { permission: 'check:read' }, { own }, { own, permission: 'check:read' }])
    expect(built(options), JSON.stringify(options)).not.toThrow();
});

test('`on` requires a permission and excludes own', () => {
  const on = () => null;
  const message = 'field Query.asked: `on` goes with a permission, and not with own';
  expect(query({ own: true, on })).toThrow(message);
  expect(query({ own: true, permission: 'check:read', on })).toThrow(message);
  expect(query({ permission: 'check:read', on })).not.toThrow();
});

test('a refusable field must be nullable, so that a refusal does not make its parent null', () => {
  const message = 'can be refused, so it must be nullable';
  expect(query({ permission: 'check:read', nullable: false })).toThrow(`field Query.asked ${message}`);
  expect(query({ own: true, nullable: false })).toThrow(`field Query.asked ${message}`);
  expect(mutation({ permission: 'check:update', nullable: false })).toThrow(`field Mutation.done ${message}`);
  expect(query({ public: true, nullable: false })).not.toThrow();

  const nested = (nullable: boolean) =>
    build((b) => {
      const options = field({ permission: 'check:read', nullable });
      b.objectRef<object>('Thing').implement({ public: true, fields: (t) => ({ it: t.boolean(options) }) });
    });
  expect(nested(false)).toThrow(`field Thing.it ${message}`);
  expect(nested(true)).not.toThrow();
});

const printed = parse(printSchemaWithDirectives(schema, { pathToDirectivesInExtensions: ['directives'] }));
const objects = printed.definitions.filter(
  (node): node is ObjectTypeDefinitionNode => node.kind === Kind.OBJECT_TYPE_DEFINITION,
);
const isGuarded = (node: { directives?: readonly { name: { value: string } }[] | undefined }): boolean =>
  node.directives?.some((directive) => directive.name.value === 'requires') ?? false;

// Edit by hand only: everyone who reaches an object of these types can read it.
const OPEN_TYPES = [
  'AccessChange',
  'AccessExplanation',
  'AccessMatrixEntry',
  'AccessStep',
  'Authorization',
  'CampaignDay',
  'CampaignProgress',
  'CampaignReminder',
  'CampaignTeamProgress',
  'CategoryMaturity',
  'CategoryReport',
  'CheckPredicate',
  'CheckStats',
  'CheckTest',
  'CheckTestService',
  'Credential',
  'CustomEventCheckSettings',
  'DayOfRequests',
  'FilterKeyOperator',
  'FilterKeyRule',
  'FilterPredicate',
  'HasDependencyCheckSettings',
  'HasOwnerCheckSettings',
  'InvitationOffer',
  'InvitationOfferProjectRole',
  'InvitationProjectRole',
  'IssuedSession',
  'LevelCount',
  'LevelResults',
  'LinkCheckSettings',
  'ManualCheckSettings',
  'MaturityDay',
  'MaturityReport',
  'Membership',
  'OrganizationSummary',
  'OverallReport',
  'PageInfo',
  'PermissionDefinition',
  'Plan',
  'PolicyStatement',
  'PreviousSecret',
  'ProjectPerson',
  'RecentDeployCheckSettings',
  'ScorecardReport',
  'ServiceLink',
  'ServicePropertyCheckSettings',
  'ServicePropertyValue',
  'ServiceScorecard',
  'ServicesReport',
  'Tag',
  'TagDefinedCheckSettings',
  'TeamContact',
  'TeamMember',
  'TeamReport',
  'TierReport',
  'Usage',
  'UserError',
  'Viewer',
];

test('the printed schema has @requires on every root field and type that is not public', () => {
  const roots = objects.filter((node) => ['Query', 'Mutation'].includes(node.name.value));
  const fields = roots.flatMap((node) =>
    node.fields?.map((each) => [`${node.name.value}.${each.name.value}`, each] as const),
  );
  expect(fields.length).toBeGreaterThan(20);
  expect(
    fields
      .filter((entry) => !isGuarded(entry?.[1] ?? {}))
      .map((entry) => entry?.[0])
      .sort(),
  ).toEqual(PUBLIC_FIELDS);

  // Connections, edges and payloads have no guard: the types of their fields do.
  const isFrame = (name: string): boolean => /(Connection|Edge|Payload)$/.test(name);
  const open = objects.filter((node) => !roots.includes(node) && !isGuarded(node)).map((node) => node.name.value);
  expect(open.filter((name) => !isFrame(name)).sort()).toEqual(OPEN_TYPES);
});

test('@requires names the permission that the field checks', () => {
  const [node] = objects.filter(({ name }) => name.value === 'Mutation');
  const shown = node?.fields?.find(({ name }) => name.value === 'deleteApiToken')?.directives?.[0];
  const args = shown?.arguments?.map(({ name, value }) => [name.value, 'value' in value ? value.value : null]);
  expect(Object.fromEntries(args ?? [])).toEqual({ permission: 'api_token:delete', own: true });
});

type Printed = { description?: { value: string } | undefined; directives?: readonly ConstDirectiveNode[] | undefined };

/** The sentence of the description that corresponds to `@requires`. */
function sentenceOf({ directives = [] }: Printed): string | null {
  const given = directives
    .filter((directive) => directive.name.value === 'requires')
    .map((directive) => Object.fromEntries(directive.arguments?.map((arg) => [arg.name.value, arg.value]) ?? []));
  if (given.length === 0) return null;
  const names = given.flatMap(({ permission, anyOf }) => {
    const values = anyOf?.kind === Kind.LIST ? anyOf.values : permission ? [permission] : [];
    return values.length > 0 ? [values.map((value) => `\`${'value' in value && value.value}\``).join(' or ')] : [];
  });
  if (names.length === 0) return 'Requires a signed-in caller.';
  return `Requires ${names.join(' and ')}${given.some(({ own }) => own) ? ', except for what belongs to the caller' : ''}.`;
}

test('the description of every root field ends with its access requirement', () => {
  const roots = objects.filter((node) => ['Query', 'Mutation'].includes(node.name.value));
  for (const field of roots.flatMap((node) => node.fields ?? [])) {
    const sentence = sentenceOf(field) ?? 'Public: needs no credential.';
    expect(field.description?.value.endsWith(`. ${sentence}`), `${field.name.value}: ${sentence}`).toBe(true);
  }
});

test('the description of every element with @requires ends with the requirement', () => {
  const kinds = new Set<string>();
  visit(printed, {
    enter(node) {
      const sentence = 'directives' in node ? sentenceOf(node as Printed) : null;
      if (!sentence) return;
      kinds.add(node.kind);
      expect((node as Printed).description?.value).toMatch(/[.!?] Requires [^.]+\.$/);
      expect((node as Printed).description?.value.endsWith(` ${sentence}`), JSON.stringify(node)).toBe(true);
    },
  });
  expect([...kinds].sort()).toEqual([
    Kind.ENUM_VALUE_DEFINITION,
    Kind.FIELD_DEFINITION,
    Kind.INPUT_VALUE_DEFINITION,
    Kind.OBJECT_TYPE_DEFINITION,
  ]);
});

test('a permission that is not in the catalog does not compile, wherever it is declared', () => {
  createTestBuilder().queryField('asked', (t) =>
    t.boolean({
      nullable: true,
      // @ts-expect-error: no such permission
      permission: 'check:reed',
      resolve: () => true,
      args: {
        // @ts-expect-error: no such permission
        one: t.arg.id({ permission: 'check:reed' }),
        // @ts-expect-error: no such permission
        two: t.arg.id({ visibleWith: ['check:read', 'check:reed'] }),
      },
    }),
  );
  createTestBuilder().inputType('Given', {
    // @ts-expect-error: no such permission
    fields: (t) => ({ name: t.string({ permission: 'check:reed' }) }),
  });
  // @ts-expect-error: no such permission
  createTestBuilder().enumType('Choice', { values: { ONE: { permission: 'check:reed' } } as const });
});

test('every type, field, argument, input field and enum value has a description', () => {
  const described: [string, string | null | undefined][] = [];
  const addDescription = (name: string, { description }: { description?: string | null | undefined }): void => {
    described.push([name, description]);
  };
  const isOurs = (each: GraphQLNamedType): boolean => !isIntrospectionType(each) && !isSpecifiedScalarType(each);
  for (const each of Object.values(schema.getTypeMap()).filter(isOurs)) {
    addDescription(each.name, each);
    if (isEnumType(each)) for (const value of each.getValues()) addDescription(`${each.name}.${value.name}`, value);
    if (isInputObjectType(each) || isObjectType(each) || isInterfaceType(each))
      for (const part of Object.values(each.getFields())) {
        addDescription(`${each.name}.${part.name}`, part);
        if ('args' in part) for (const arg of part.args) addDescription(`${each.name}.${part.name}(${arg.name})`, arg);
      }
  }
  for (const directive of schema.getDirectives().filter((each) => !isSpecifiedDirective(each))) {
    addDescription(`@${directive.name}`, directive);
    for (const arg of directive.args) addDescription(`@${directive.name}(${arg.name})`, arg);
  }
  expect(described.length).toBeGreaterThan(200);
  expect(described.filter(([, description]) => !description?.trim()).map(([name]) => name)).toEqual([]);
});

test('the server does not start with a field without declared access', () => {
  real.queryField('forgotten', (t) => t.boolean({ nullable: true, description: 'Oops.', resolve: () => true }));
  expect(() => buildSchema()).toThrow('field Query.forgotten declares no access');
});
