import { type GraphQLInterfaceType, type GraphQLObjectType, getNamedType, isAbstractType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { allow, createPolicy, deny, giveRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { schema } from '../support/introspect.ts';
import { insertRows } from '../support/rows.ts';
import { addMember, createOrganization, executeMutation, mutate, queryData } from '../support/world.ts';

/** An object that the caller may not see answers like one that does not exist, wherever a field refers to it. */
const api = await startApi({ pool: 2 });
const acme = await createOrganization(api, 'acme');
const { ids } = await insertRows(api, acme, 3);
const member = await addMember(api, acme, 'write', 'limited');
const policy = await createPolicy(acme.owner, [allow('*')]);
const { role } = await executeMutation(
  acme.owner,
  'mutation ($input: CreateRoleInput!) { createRole(input: $input) { role { id } errors { code } } }',
  { input: { name: 'Limited', policyIds: [policy] } },
);
await giveRole(acme.owner, member.memberId, role.id);

const limitTo = (...denied: string[]) =>
  executeMutation(
    acme.owner,
    'mutation ($input: UpdatePolicyInput!) { updatePolicy(input: $input) { policy { id } errors { code } } }',
    { input: { id: policy, statements: [allow('*'), ...(denied.length > 0 ? [deny(...denied)] : [])] } },
  );

const objectTypes = Object.values(schema.getTypeMap()).filter(isObjectType);
const nodeTypes = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType);

const possibleTypes = (field: { type: unknown }): readonly GraphQLObjectType[] => {
  const type = getNamedType(field.type as never);
  return isAbstractType(type) ? schema.getPossibleTypes(type) : isObjectType(type) ? [type] : [];
};

const guardOf = ({ extensions }: GraphQLObjectType) =>
  (extensions['guard'] as { rule: { permission?: string } } | undefined)?.rule;

/** Fields that return guarded nodes: not connections, and not the results of mutations. */
const fields = objectTypes
  .filter(({ name }) => !/^(Mutation|Subscription|.*Connection|.*Edge|.*Payload)$/.test(name))
  .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field, types: possibleTypes(field) })))
  .filter(({ types }) => types.some((type) => guardOf(type) && nodeTypes.includes(type)))
  // Refused without a look at the object, so the refusal tells nothing.
  .filter(({ field }) => !field.extensions['guard']);

const ofNodes = fields.filter(({ type }) => nodeTypes.includes(type));
const permissions = [
  ...new Set(ofNodes.flatMap(({ types }) => types.flatMap((type) => guardOf(type)?.permission ?? []))),
];

/** The other types with such fields. The last tests read what a caller can reach of them without a mutation. */
const OTHERS = [
  'AccessChange',
  'AccessMatrixEntry',
  'AccessMatrixRow',
  'AccessStep',
  'AuditActor',
  'CampaignReminder',
  'CampaignTeamProgress',
  'CategoryMaturity',
  'CategoryReport',
  'CheckTestService',
  'Credential',
  'CustomEventCheckSettings',
  'FilterPredicate',
  'InvitationProjectRole',
  'IssuedSession',
  'LevelCount',
  'LevelResults',
  'MaturityReport',
  'PlanPeriod',
  'ProjectPerson',
  'ServicePropertyCheckSettings',
  'ServicePropertyValue',
  'ServiceScorecard',
  'TeamMember',
  'TeamReport',
  'TierReport',
  'UserError',
  'Viewer',
];

test('every type with a field that returns guarded objects is covered', () => {
  expect(permissions.length).toBeGreaterThan(5);
  const others = fields.filter(({ type }) => !nodeTypes.includes(type) && type.name !== 'Query');
  expect([...new Set(others.map(({ type }) => type.name))].sort()).toEqual(OTHERS);
});

/** The nested objects of all rows, by field. */
async function nested(by: Caller): Promise<Record<string, { __typename: string; id: string }[]>> {
  const found: Record<string, { __typename: string; id: string }[]> = {};
  for (const type of new Set(ofNodes.map((one) => one.type))) {
    const own = ofNodes.filter((one) => one.type === type).map(({ field }) => field.name);
    const selected = own.map((name) => `${name} { __typename ... on Node { id } }`).join(' ');
    const document = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on ${type.name} { ${selected} } } }`;
    const { data, errors } = await by.query(document, { ids: ids[type.name] });
    expect(errors, type.name).toBeUndefined();
    for (const name of own)
      found[`${type.name}.${name}`] = data.nodes.flatMap((node: Json) => [node?.[name] ?? []].flat());
  }
  return found;
}

await limitTo();
const all = await nested(member);

test('the rows have an object in every field', () => {
  const empty = Object.entries(all).filter(([, objects]) => objects.length === 0);
  expect(empty.map(([name]) => name)).toEqual([]);
});

test.each(permissions)('without %s, no field shows an object that node(id:) hides', async (permission) => {
  await limitTo(permission);
  const now = await nested(member);
  const shown = [...new Set(Object.values(now).flatMap((objects) => objects.map(({ id }) => id)))];
  const { nodes } = await queryData(member, 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: shown });
  expect(shown.filter((_, at) => nodes[at] === null)).toEqual([]);
  const hidden = Object.keys(all).filter((name) => (now[name] ?? []).length < (all[name] ?? []).length);
  expect(hidden).not.toEqual([]);
});

test('a caller always sees itself, and its other objects only with their permission', async () => {
  const VIEWER = `{ viewer { user { __typename } member { __typename } principal { __typename } role { __typename }
    organization { __typename } } }`;
  const INVITATIONS =
    '{ invitations { nodes { role { __typename } projectRoles { role { __typename } project { __typename } } } } }';
  const itself = {
    user: { __typename: 'User' },
    member: { __typename: 'Member' },
    principal: { __typename: 'Member' },
    role: { __typename: 'Role' },
  };
  await limitTo();
  expect(await queryData(member, VIEWER)).toEqual({
    viewer: { ...itself, organization: { __typename: 'Organization' } },
  });
  expect(JSON.stringify(await queryData(member, INVITATIONS))).toMatch(/"Role".*"Role".*"Project"/);
  await limitTo('member:read', 'role:read', 'organization:read', 'project:read');
  expect(await queryData(member, VIEWER)).toEqual({ viewer: { ...itself, organization: null } });
  expect(JSON.stringify(await queryData(member, INVITATIONS))).not.toMatch(/"Role"|"Project"/);
});

test('the people of a project and the history of plans show principals only with their permission', async () => {
  await executeMutation(acme.owner, 'mutation { updatePlan(input: { plan: TEAM }) { plan { name } errors { code } } }');
  const DOCUMENT = `{ projects { nodes { people { nodes { principalId principal { __typename } role { __typename } } } } }
    organization { billing { history { changedBy { __typename } } } } }`;
  const read = async () => {
    const { projects, organization } = await queryData(member, DOCUMENT);
    const people = projects.nodes.flatMap((project: Json) => project.people.nodes);
    return { people, changedBy: organization.billing.history[0].changedBy };
  };
  await limitTo();
  const everything = await read();
  expect(everything.people.length).toBeGreaterThan(3);
  for (const person of everything.people)
    expect(person).toMatchObject({ principal: expect.anything(), role: { __typename: 'Role' } });
  expect(everything.changedBy).toEqual({ __typename: 'Member' });

  await limitTo('member:read', 'service_account:read', 'role:read');
  const { people, changedBy } = await read();
  for (const { principalId, principal, role } of people.filter(
    (person: Json) => person.principalId !== member.memberId,
  ))
    expect([principal, role], principalId).toEqual([null, null]);
  expect([people.length, changedBy]).toEqual([everything.people.length, null]);
});

/** Every field of these types that returns guarded objects, below the services, teams, filters, checks and campaigns of the organization. */
const PARTS = `query ($services: [ID!]!, $teams: [ID!]!, $filters: [ID!]!, $checks: [ID!]!, $campaign: ID!) {
  services: nodes(ids: $services) { ... on Service {
    ServicePropertyValue: properties { definition { ...object } }
    MaturityReport: maturityReport {
      level { ...object } nextLevel { ...object } missing { ...object }
      LevelResults: levels { level { ...object } results { ...object } }
      CategoryMaturity: categories { category { ...object } level { ...object } nextLevel { ...object } missing { ...object } }
    }
  } }
  teams: nodes(ids: $teams) { ... on Team { TeamMember: members { principal { ...object } } } }
  filters: nodes(ids: $filters) { ... on Filter { FilterPredicate: predicates {
    filter { ...object } lifecycle { ...object } propertyDefinition { ...object } team { ...object } tier { ...object }
  } } }
  checks: nodes(ids: $checks) { ... on Check {
    ServicePropertyCheckSettings: settings { ... on ServicePropertyCheckSettings { definition { ...object } } }
    CustomEventCheckSettings: settings { ... on CustomEventCheckSettings { integration { ...object } } }
  } }
  campaign(id: $campaign) { progress { CampaignTeamProgress: teams { team { ...object } } } }
  testCheck(settings: { serviceSelector: ".", successCondition: "true" }, payload: "by-alias") {
    CheckTestService: services { service { ...object } }
  }
  servicesReport {
    overall { LevelCount: levels { level { ...object } } }
    CategoryReport: categories { category { ...object } }
    TierReport: tiers { tier { ...object } }
    TeamReport: teams { team { ...object } }
  }
}
fragment object on Node { __typename id }`;

/** The objects in a response, by the alias of their parent and their field. */
function objectsIn(value: Json, parent = '', field = ''): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((item) => objectsIn(item, parent, field));
  if (typeof value !== 'object' || value === null) return [];
  if (value.__typename) return [[`${parent}.${field}`, value.id]];
  const own = /^[A-Z]/.test(field) ? field : parent;
  return Object.entries(value).flatMap(([name, item]) => objectsIn(item, own, name));
}

const PARTS_OF = new Set([...PARTS.matchAll(/([A-Z]\w+): /g)].map(([, name]) => name as string));

/** Adds a filter with a value of each type, a check of a property and one of events, a campaign, and evaluates a service. Returns the new objects. */
async function createParts(): Promise<{ filter: string; checks: string[]; campaign: string }> {
  const [owner, tier, lifecycle, nested, definition, service, category, level] = [
    ...['Team', 'Tier', 'Lifecycle', 'Filter', 'PropertyDefinition', 'Service', 'Category', 'Level'],
  ].map((type) => ids[type]?.[0]);
  const predicates = [
    { key: 'OWNER', operator: 'EQUALS', value: owner },
    { key: 'TIER', operator: 'EQUALS', value: tier },
    { key: 'LIFECYCLE', operator: 'EQUALS', value: lifecycle },
    { key: 'FILTER', operator: 'MATCHES', value: nested },
    { key: 'PROPERTY', keyData: definition, operator: 'EXISTS' },
  ];
  const { filter } = await mutate(
    acme.owner,
    'createFilter',
    { name: 'Every value', connective: 'AND', predicates },
    'filter { id }',
  );
  const given = { name: 'Events', type: 'CUSTOM_EVENT' };
  const { integration } = await mutate(acme.owner, 'createIntegration', given, 'integration { id }');
  const place = { category: { id: category }, level: { id: level } };
  const create = async (settings: object): Promise<string> => {
    const input = { name: 'A part', ...place, settings };
    return (await mutate(acme.owner, 'createCheck', input, 'check { id }')).check.id;
  };
  const rules = { serviceSelector: '.', successCondition: 'true' };
  const checks = [
    await create({ serviceProperty: { definition: { id: definition } } }),
    await create({ customEvent: { integrationId: integration.id, ...rules } }),
  ];
  await mutate(acme.owner, 'createService', { name: 'By alias' });
  const { campaign } = await mutate(acme.owner, 'createCampaign', { name: 'In progress' }, 'campaign { id }');
  const copied = { campaignId: campaign.id, checks: [{ id: checks[0] }] };
  await mutate(acme.owner, 'copyChecksToCampaign', copied, 'checks { id }');
  const schedule = { startAt: '2001-01-01T00:00:00Z', targetAt: '2999-01-01T00:00:00Z' };
  await mutate(acme.owner, 'scheduleCampaign', { id: campaign.id, ...schedule });
  await mutate(acme.owner, 'runChecks', { service: { id: service } }, 'checkResults { id }');
  return { filter: filter.id, checks, campaign: campaign.id };
}

test('predicates, values, members and reports show an object only if node(id:) does', async () => {
  const { filter, checks, campaign } = await createParts();
  const variables = { services: ids['Service'], teams: ids['Team'], filters: [filter], checks, campaign };
  const read = async () => objectsIn(await queryData(member, PARTS, variables));
  const places = (objects: [string, string][]) => [...new Set(objects.map(([place]) => place))].sort();
  await limitTo();
  const everything = await read();
  const expected = fields
    .filter(({ type }) => PARTS_OF.has(type.name))
    .map(({ type, field }) => `${type.name}.${field.name}`);
  expect(places(everything)).toEqual(expected.sort());
  const denied = ['category', 'filter', 'integration', 'level', 'lifecycle', 'property_definition', 'team', 'tier'];
  for (const permission of [...denied, 'member'].map((name) => `${name}:read`)) {
    await limitTo(permission);
    const now = await read();
    const shown = [...new Set(now.map(([, id]) => id))];
    const { nodes } = await queryData(member, 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: shown });
    expect(
      shown.filter((_, at) => nodes[at] === null),
      permission,
    ).toEqual([]);
    expect(now.length, permission).toBeLessThan(everything.length);
  }
});
