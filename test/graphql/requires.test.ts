import { getNamedType, isCompositeType } from 'graphql';
import { expect, test, vi } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { typeOfPrefix } from '../../src/lib/ids.ts';
import { allow } from '../decisions/support.ts';
import { createSampleObjects, operationOf, type RootField, rootFields } from '../enforcement/support.ts';
import { type ApiResponse, type Caller, type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { selectAll } from '../support/selection.ts';
import { addMember, createOrganization, roleId } from '../support/world.ts';
import { fieldsOf, hasObjects, type Need, needsOf, readSchema } from './needs.ts';

/** The permissions that the server has checked, except those of escalation checks. */
const recorder = vi.hoisted(() => ({ checked: new Set<string>(), paused: 0 }));

vi.mock('../../src/access/access.ts', async (original) => {
  const actual = await original<typeof import('../../src/access/access.ts')>();
  const recorded = (access: Json): Json => {
    const record =
      (name: string) =>
      (permission: string, ...target: unknown[]): unknown => {
        if (recorder.paused === 0) recorder.checked.add(permission);
        return access[name](permission, ...target);
      };
    return {
      ...access,
      ...Object.fromEntries(['decide', 'can', 'sees', 'require'].map((name) => [name, record(name)])),
    };
  };
  return { ...actual, accessOf: (held: never) => recorded(actual.accessOf(held)) };
});

/** A module whose functions do not record the permissions that they check. */
const withoutRecord = vi.hoisted(() => async (original: () => Promise<unknown>) => {
  const unrecorded =
    (run: Json) =>
    (...args: unknown[]): unknown => {
      recorder.paused += 1;
      const resume = (): void => {
        recorder.paused -= 1;
      };
      let result: unknown;
      try {
        result = run(...args);
        return result;
      } finally {
        // The caller awaits the check before it goes on.
        if (result instanceof Promise) result.then(resume, resume);
        else resume();
      }
    };
  const actual = (await original()) as Record<string, Json>;
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [name, typeof value === 'function' ? unrecorded(value) : value]),
  );
});

vi.mock('../../src/access/escalation.ts', (original) => withoutRecord(original));
vi.mock('../../src/access/reach.ts', (original) => withoutRecord(original));

const schema = readSchema();
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const reader = await addMember(api, acme, 'read');
const of = await createSampleObjects(api, acme);
const fixtures = createFixtures(api, acme);

interface Recorded extends Pick<ApiResponse, 'data' | 'errors'> {
  document: string;
  needs: Need[];
  checked: string[];
}

async function run(caller: Caller, document: string, variables: Json = {}): Promise<Recorded> {
  recorder.checked.clear();
  const { data, errors } = await caller.query(document, variables);
  const checked = [...recorder.checked].sort();
  return { document, checked, needs: needsOf(schema, document, variables), data, errors };
}

/** Whether the object may belong to a project, where `project:read` is checked as well. */
const isAskedOnProjects = ({ anyOf }: Need): boolean =>
  anyOf.some((name) => PERMISSIONS.get(name)?.level !== 'organization');

function expectDeclared({ document, checked, needs }: Recorded, exceptions: readonly string[] = []): void {
  const declared = new Set([...needs.flatMap(({ anyOf }) => anyOf), ...exceptions]);
  if (needs.some(isAskedOnProjects)) declared.add('project:read');
  expect(
    checked.filter((name) => !declared.has(name)),
    `checked, not declared: ${document}`,
  ).toEqual([]);
}

function expectChecked({ document, checked, needs, data }: Recorded): void {
  const certain = needs.filter(({ anyOf, own, on }) => anyOf.length > 0 && !own && hasObjects(data, on));
  const missing = certain.filter(({ anyOf }) => !anyOf.some((name) => checked.includes(name)));
  expect(missing, `declared, not checked: ${document}`).toEqual([]);
}

/** `accessChanges` of these mutations omits the principals that the caller cannot see. */
const VISIBLE_ACCESS_CHANGES = Object.fromEntries(
  ['createTeam', 'updateTeam', 'deleteTeam', 'createService', 'createServices', 'updateService', 'updateServices']
    .concat('acceptServiceSuggestionAsNewService')
    .map((name) => [`Mutation.${name}`, ['member:read', 'service_account:read']]),
);

/**
 * Fields whose resolvers check more permissions than the guard: a list omits objects that the caller cannot see, and a
 * mutation reads roles and projects that are not arguments. Edit this list only by hand.
 */
const EXCEPTIONS: Record<string, string[]> = {
  ...VISIBLE_ACCESS_CHANGES,
  // `Role.members` counts a project role only in projects whose members the caller can see.
  'Role.members': ['project_member:read'],
  // Events of projects that the caller cannot read are hidden. Those of the organization need no such permission.
  'Query.auditEvent': ['project:read'],
  'Query.auditEvents': ['project:read'],
  // Counts only projects that the caller can read.
  'Query.usage': ['project:read'],
  // `accessChanges` leaves out projects that the caller cannot read.
  accessChanges: ['project:read'],
  // `Invitation.projectRoles` leaves them out as well, and without `invitation:read` those whose members are hidden.
  'Invitation.projectRoles': ['project:read', 'project_member:read', 'invitation:read'],
  // Without `invitation:read` it is null.
  'Invitation.role': ['invitation:read'],
  // Without `check:read` it is null, and without `property_definition:read` it does not name the property.
  'CheckResult.message': ['check:read', 'property_definition:read'],
  // `accessChanges` is empty for a caller that cannot see the project roles.
  'Mutation.deleteProject': ['project_member:read'],
  // The inviter, not the caller, must still have it.
  'Mutation.acceptInvitation': ['invitation:create', 'project_member:create'],
  // What is reported as taken depends on what the caller can see.
  'Mutation.createInvitations': ['invitation:read', 'member:read', 'project_member:read'],
  'Mutation.resendInvitation': ['invitation:read', 'project_member:read', 'role:read'],
  'Mutation.deleteInvitation': ['invitation:read', 'project_member:read'],
};

const exceptionsOf = (document: string): string[] =>
  [...fieldsOf(schema, document)].flatMap((field) => EXCEPTIONS[field] ?? []);

/** All fields of a type except `viewerPermissions`, which checks permissions without requiring them. */
function selectionOf(name: string, depth: number): string {
  // Types of nodes have fields with one name and different types, which cannot be selected together.
  if (name === 'Node')
    return '{ __typename id ... on Check { name } ... on Project { key } ... on Invitation { email } }';
  const type = schema.getType(name);
  if (!isCompositeType(type)) return '';
  return `{ ${selectAll(schema, type, depth).replaceAll(/\bviewerPermissions\b/g, '__typename')} }`;
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

/** The arguments of each query. Other queries have no arguments. */
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
  // A page of 50 roles with all fields exceeds the limit of the cost.
  roles: ['', `projectId: "${of.project}"`].map((given) => `(first: 40 ${given})`),
  testCheck: ['(settings: { serviceSelector: ".", successCondition: "true" }, payload: "checkout")'],
  whoCan: TARGETS.map((given) => `(first: 5 ${DECISION} ${given})`),
};

/** Replaces ids by names, for the names of tests. */
const nameIds = (args: string): string => ID.reduce((text, [name, id]) => text.replaceAll(id, name), args);

/** The arguments of a query. A query for one object by id gets a new object. */
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

test.each(queries)('%s checks exactly the permissions that the schema declares', async (_name, field, args) => {
  await expectQuery(`{ ${field.name}${args} ${selectionOf(getNamedType(field.type).name, 2)} }`);
});

test.each(ID)('node(id: "%s") checks exactly the permissions that the schema declares', async (_name, id) => {
  const type = typeOfPrefix(id.slice(0, 3));
  await expectQuery(`{ node(id: "${id}") { __typename ... on ${type} ${selectionOf(type, 1)} } }`);
});

async function expectQuery(document: string): Promise<void> {
  const done = await run(owner, document);
  expect(done.errors).toBeUndefined();
  expectDeclared(done, exceptionsOf(document));
  expectChecked(done);
  expectDeclared(await run(reader, document), exceptionsOf(document));
}

test.each(rootFields(schema, 'Mutation'))(
  '$name checks exactly the permissions that the schema declares',
  async (field) => {
    const { input, caller = owner } = await validCase(fixtures, field.name);
    await expectMutation(caller, field, input);
  },
);

async function expectMutation(caller: Caller, field: RootField, input: Json): Promise<void> {
  const [call] = operationOf('Mutation', field, { input })[0].split('{ __typename');
  const document = `${call} ${selectionOf(getNamedType(field.type).name, 1)} }`;
  const done = await run(caller, document, { input });
  expect([done.errors, done.data[field.name].errors]).toEqual([undefined, []]);
  expectDeclared(done, exceptionsOf(document));
  expectChecked(done);
}

const statements = [allow('dataset:read')];
const robot = { serviceAccountId: of.serviceAccount };

/** Inputs with fields that the cases of all mutations do not use. */
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
])('%s %o checks exactly the permissions that the schema declares', async (name, input) => {
  await expectMutation(owner, rootFields(schema, 'Mutation').find((field) => field.name === name) as RootField, input);
});
