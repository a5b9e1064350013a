import { getNamedType, isCompositeType } from 'graphql';
import { expect, test, vi } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { typeOfPrefix } from '../../src/lib/ids.ts';
import { allow } from '../decisions/support.ts';
import { type Answer, type Caller, type Json, startApi } from '../support/api.ts';
import { caseOf, createFixtures } from '../support/fixtures.ts';
import { everything } from '../support/selection.ts';
import { found, join, roleId } from '../support/world.ts';
import { furnish, operationOf, type RootField, rootFields } from '../walls/support.ts';
import { fieldsOf, isThere, type Need, needsOf, readSchema } from './needs.ts';

/** Permissions that the server has asked for, except where it compares what the caller holds with what they give. */
const recorder = vi.hoisted(() => ({ asked: new Set<string>(), paused: 0 }));

vi.mock('../../src/access/access.ts', async (original) => {
  const actual = await original<typeof import('../../src/access/access.ts')>();
  const recorded = (access: Json): Json => {
    const record =
      (name: string) =>
      (permission: string, ...target: unknown[]): unknown => {
        if (recorder.paused === 0) recorder.asked.add(permission);
        return access[name](permission, ...target);
      };
    return {
      ...access,
      ...Object.fromEntries(['decide', 'can', 'sees', 'require'].map((name) => [name, record(name)])),
    };
  };
  return { ...actual, accessOf: (held: never) => recorded(actual.accessOf(held)) };
});

vi.mock('../../src/access/escalation.ts', async (original) => {
  const unrecorded =
    (run: Json) =>
    (...args: unknown[]): unknown => {
      recorder.paused += 1;
      try {
        return run(...args);
      } finally {
        recorder.paused -= 1;
      }
    };
  const actual = await original<Record<string, Json>>();
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [name, typeof value === 'function' ? unrecorded(value) : value]),
  );
});

const schema = readSchema();
const api = await startApi();
const acme = await found(api, 'acme');
const { owner } = acme;
const reader = await join(api, acme, 'read');
const of = await furnish(api, acme);
const fixtures = createFixtures(api, acme);

interface Asked extends Pick<Answer, 'data' | 'errors'> {
  document: string;
  needs: Need[];
  asked: string[];
}

async function run(caller: Caller, document: string, variables: Json = {}): Promise<Asked> {
  recorder.asked.clear();
  const { data, errors } = await caller.query(document, variables);
  const asked = [...recorder.asked].sort();
  return { document, asked, needs: needsOf(schema, document, variables), data, errors };
}

/** Whether the object may belong to a project, where `project:read` is asked as well. */
const isAskedOnProjects = ({ anyOf }: Need): boolean =>
  anyOf.some((name) => PERMISSIONS.get(name)?.level !== 'organization');

function expectForeseen({ document, asked, needs }: Asked, exceptions: readonly string[] = []): void {
  const foreseen = new Set([...needs.flatMap(({ anyOf }) => anyOf), ...exceptions]);
  if (needs.some(isAskedOnProjects)) foreseen.add('project:read');
  expect(
    asked.filter((name) => !foreseen.has(name)),
    `asked, not declared: ${document}`,
  ).toEqual([]);
}

function expectAsked({ document, asked, needs, data }: Asked): void {
  const sure = needs.filter(({ anyOf, own, on }) => anyOf.length > 0 && !own && isThere(data, on));
  const missing = sure.filter(({ anyOf }) => !anyOf.some((name) => asked.includes(name)));
  expect(missing, `declared, not asked: ${document}`).toEqual([]);
}

/**
 * The server asks more than a guard does here: a list leaves out what the caller cannot see, and a mutation looks at
 * roles and projects besides those that its arguments name. Edit by hand only.
 */
const EXCEPTIONS: Record<string, string[]> = {
  // `Role.members` counts a project role only in projects whose members the caller can see.
  'Role.members': ['project_member:read'],
  // `accessChanges` leaves out projects that the caller cannot read.
  accessChanges: ['project:read'],
  // `Invitation.projectRoles` leaves them out as well.
  'Invitation.projectRoles': ['project:read'],
  // `accessChanges` is empty for callers who cannot see the project roles.
  'Mutation.deleteProject': ['project_member:read'],
  // The inviter, not the caller, must still hold it.
  'Mutation.acceptInvitation': ['invitation:create'],
};

const exceptionsOf = (document: string): string[] =>
  [...fieldsOf(schema, document)].flatMap((field) => EXCEPTIONS[field] ?? []);

/** Everything that the field returns, except `viewerPermissions`, which asks about permissions without needing them. */
function selectionOf(name: string, depth: number): string {
  // Types of nodes have fields of the same name and of different types, so they are not selected together.
  if (name === 'Node')
    return '{ __typename id ... on Check { name } ... on Project { key } ... on Invitation { email } }';
  const type = schema.getType(name);
  if (!isCompositeType(type)) return '';
  return `{ ${everything(schema, type, depth).replaceAll(/\bviewerPermissions\b/g, '__typename')} }`;
}

const PRINCIPALS = [
  '',
  `principalId: "${owner.memberId}"`,
  `principalId: "${acme.owner.userId}"`,
  `principalId: "${of.serviceAccount}"`,
];
const TARGETS = ['', `targetId: "${acme.id}"`, `targetId: "${of.project}"`];
const IN_PROJECT = ['', `(projectId: "${of.project}")`];
const DECISION = 'permission: "dataset:read"';
const ID = Object.entries({ ...of, token: of.token.id, member: owner.memberId, organization: acme.id });

/** The arguments of each query; a query without a line is asked without arguments. */
const ARGUMENTS: Record<string, string[]> = {
  access: [...PRINCIPALS, ...TARGETS].map((given) => `(${DECISION} ${given})`),
  accessMatrix: TARGETS.map((given) => `(first: 5 permissions: ["check:read"] ${given})`),
  authorize: [...PRINCIPALS, ...TARGETS].map((given) => `(requests: [{ ${DECISION} }, { ${DECISION} ${given} }])`),
  checks: ['', `(filter: { category: { id: "${of.category}" }, enabled: true }, orderBy: { field: NAME })`],
  invitation: [`(id: "${of.invitation}")`],
  invitationOffer: ['(secret: "made up")'],
  node: [`(id: "${of.check}")`],
  nodes: [`(ids: ${JSON.stringify(ID.map(([, id]) => id))})`],
  permissionsOf: [...PRINCIPALS, ...TARGETS].map((given) => (given ? `(${given})` : '')),
  policies: IN_PROJECT,
  project: [`(id: "${of.project}")`, '(key: "first")'],
  roles: IN_PROJECT,
  whoCan: TARGETS.map((given) => `(${DECISION} ${given})`),
};

/** For the names of tests. */
const nameIds = (args: string): string => ID.reduce((text, [name, id]) => text.replaceAll(id, name), args);

/** Of a query for one object by id: a new object. */
async function argumentsOf({ name, args }: RootField): Promise<string[]> {
  const known = ARGUMENTS[name];
  if (known || !args.some((arg) => arg.name === 'id')) return known ?? [''];
  return [`(id: "${await fixtures.make(`${name.slice(0, 1).toUpperCase()}${name.slice(1)}`)}")`];
}

const queryFields = rootFields(schema, 'Query');
const given = await Promise.all(queryFields.map(argumentsOf));
const queries = queryFields.flatMap((field, at) =>
  (given[at] ?? []).map((args): [string, RootField, string] => [field.name + nameIds(args), field, args]),
);

test.each(queries)('%s asks for what the schema says, and for nothing else', async (_name, field, args) => {
  await expectQuery(`{ ${field.name}${args} ${selectionOf(getNamedType(field.type).name, 2)} }`);
});

test.each(ID)('node(id: "%s") asks for what the schema says, and for nothing else', async (_name, id) => {
  const type = typeOfPrefix(id.slice(0, 3));
  await expectQuery(`{ node(id: "${id}") { __typename ... on ${type} ${selectionOf(type, 1)} } }`);
});

async function expectQuery(document: string): Promise<void> {
  const done = await run(owner, document);
  expect(done.errors).toBeUndefined();
  expectForeseen(done, exceptionsOf(document));
  expectAsked(done);
  expectForeseen(await run(reader, document), exceptionsOf(document));
}

test.each(rootFields(schema, 'Mutation'))(
  '$name asks for what the schema says, and for nothing else',
  async (field) => {
    const { input, caller = owner } = await caseOf(fixtures, field.name);
    await expectMutation(caller, field, input);
  },
);

async function expectMutation(caller: Caller, field: RootField, input: Json): Promise<void> {
  const [call] = operationOf('Mutation', field, { input })[0].split('{ __typename');
  const document = `${call} ${selectionOf(getNamedType(field.type).name, 1)} }`;
  const done = await run(caller, document, { input });
  expect([done.errors, done.data[field.name].errors]).toEqual([undefined, []]);
  expectForeseen(done, exceptionsOf(document));
  expectAsked(done);
}

const statements = [allow('dataset:read')];
const robot = { serviceAccountId: of.serviceAccount };

/** Inputs with arguments that the cases of all mutations do not give. */
test.each([
  ['createApiToken', { name: 'Read', access: 'READ' }],
  ['createApiToken', { name: 'Robot', access: 'READ', ...robot }],
  ['createApiToken', { name: 'Robot', access: 'WRITE', ...robot }],
  ['createPolicy', { name: 'Local', statements, projectId: of.project }],
  ['createRole', { name: 'Local', policyIds: [of.policy, of.projectPolicy], projectId: of.project }],
  ['updatePolicy', { id: of.projectPolicy, name: 'Other', dryRun: true }],
  ['updateRole', { id: of.projectRole, policyIds: [of.projectPolicy], dryRun: true }],
  ['updateProjectMember', { id: of.projectMember, roleId: of.projectRole, dryRun: true }],
  ['deleteRole', { id: of.role, reassignTo: roleId('read'), dryRun: true }],
  ['updateServiceAccount', { id: of.serviceAccount, roleId: roleId('read'), roleExpiresAt: null, dryRun: true }],
  ['signOutMember', { memberId: reader.memberId }],
])('%s %o asks for what the schema says, and for nothing else', async (name, input) => {
  await expectMutation(owner, rootFields(schema, 'Mutation').find((field) => field.name === name) as RootField, input);
});
