import { type GraphQLInputType, getNamedType, isInputObjectType } from 'graphql';
import { expect } from 'vitest';
import type { IdPrefix } from '../../src/lib/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import { projectRoleId } from '../decisions/support.ts';
import type { Answer, Caller, Json } from '../support/api.ts';
import { type Organization, roleId } from '../support/world.ts';
import { type Furniture, operationOf, rootFields, unknownId } from './support.ts';

/** Every place of the schema where an id goes, with a question that is right but for the id. */
const schema = buildSchema();

type Ask = (id: string) => [document: string, variables: Json];

/** The whole answer, with the id that was asked about made unrecognizable. */
export const told = ({ data, errors, status }: Answer, id: string): Json =>
  JSON.parse(JSON.stringify({ data, errors, status }).replaceAll(id, '<id>'));

/** Asks about this id, and about one that is not there: both must be told the same. Returns what they are told. */
export async function expectAlike(caller: Caller, ask: Ask, id: string): Promise<Json> {
  const unknown = unknownId(id.split('_')[0] as IdPrefix);
  const [answer, noAnswer] = [await caller.query(...ask(id)), await caller.query(...ask(unknown))];
  expect(told(answer, id), JSON.stringify(ask(id))).toEqual(told(noAnswer, unknown));
  return told(answer, id);
}

/** Every place in the arguments where an id goes: `checks.filter.categoryId`. */
function idPlaces(name: string, type: GraphQLInputType): string[] {
  const named = getNamedType(type);
  if (isInputObjectType(named))
    return Object.values(named.getFields()).flatMap((field) => idPlaces(`${name}.${field.name}`, field.type));
  return named.name === 'ID' ? [name] : [];
}
export const placesOf = (kind: 'Query' | 'Mutation'): string[] =>
  rootFields(schema, kind)
    .flatMap((field) => field.args.flatMap((arg) => idPlaces(`${field.name}.${arg.name}`, arg.type)))
    .sort();

const askOf = (declared: string, call: string): Ask => {
  const document = `query ($id: ${declared}) { ${call} }`;
  return (id) => [document, { id: declared.startsWith('[') ? [id] : id }];
};
const COUNTED = '{ totalCount nodes { id } }';

/** For each id in the arguments of a query, a question with it. */
export const QUESTIONS: Record<string, Ask> = {
  'access.principal': askOf('ID', 'access(permission: "dataset:read", principal: $id) { allowed }'),
  'access.target': askOf('ID', 'access(permission: "dataset:read", target: $id) { allowed }'),
  'accessMatrix.target': askOf('ID', 'accessMatrix(target: $id, permissions: ["dataset:read"]) { totalCount }'),
  'auditEvents.filter.actorId': askOf('ID', `auditEvents(filter: { actorId: $id }) ${COUNTED}`),
  'auditEvents.filter.targetId': askOf('ID', `auditEvents(filter: { targetId: $id }) ${COUNTED}`),
  'authorize.requests.principal': askOf(
    'ID',
    'authorize(requests: [{ permission: "dataset:read", principal: $id }]) { allowed reason }',
  ),
  'authorize.requests.target': askOf(
    'ID',
    'authorize(requests: [{ permission: "dataset:read", target: $id }]) { allowed reason }',
  ),
  'checks.filter.categoryId': askOf('ID', `checks(filter: { categoryId: $id }) ${COUNTED}`),
  'checks.filter.levelId': askOf('ID', `checks(filter: { levelId: $id }) ${COUNTED}`),
  'node.id': askOf('ID!', 'node(id: $id) { __typename id }'),
  'nodes.ids': askOf('[ID!]!', 'nodes(ids: $id) { __typename id }'),
  'permissionsOf.principal': askOf('ID', 'permissionsOf(principal: $id)'),
  'permissionsOf.target': askOf('ID', 'permissionsOf(target: $id)'),
  'policies.projectId': askOf('ID', `policies(projectId: $id) ${COUNTED}`),
  'project.id': askOf('ID', 'project(id: $id) { id key }'),
  'roles.projectId': askOf('ID', `roles(projectId: $id) ${COUNTED}`),
  'whoCan.target': askOf('ID', `whoCan(permission: "dataset:read", target: $id) ${COUNTED}`),
};

/** For each id in the input of a mutation, the input with it: of this organization but for the id. */
export function inputsOf(own: Furniture, { owner }: Organization): Record<string, (id: string) => Json> {
  const place = { categoryId: own.category, levelId: own.level };
  const statements = [{ effect: 'ALLOW', permissions: ['dataset:read'] }];
  const ends = { roleId: roleId('user'), expiresAt: '2100-01-01T00:00:00Z' };
  const invited = { emails: ['guest@elsewhere.test'], roleId: roleId('user') };
  return {
    'createApiToken.input.serviceAccountId': (id) => ({ name: 'Moved', serviceAccountId: id }),
    'createCheck.input.categoryId': (id) => ({ name: 'Moved', ...place, categoryId: id }),
    'createCheck.input.levelId': (id) => ({ name: 'Moved', ...place, levelId: id }),
    'createCheck.input.ownerId': (id) => ({ name: 'Moved', ...place, ownerId: id }),
    'createInvitation.input.projectRoles.projectId': (id) => ({
      ...invited,
      projectRoles: [{ projectId: id, roleId: projectRoleId('member') }],
    }),
    'createInvitation.input.projectRoles.roleId': (id) => ({
      ...invited,
      projectRoles: [{ projectId: own.project, roleId: id }],
    }),
    'createInvitation.input.roleId': (id) => ({ ...invited, roleId: id }),
    'createPolicy.input.projectId': (id) => ({ name: 'Moved', statements, projectId: id }),
    'createProjectMember.input.principalId': (id) => ({ projectId: own.project, principalId: id }),
    'createProjectMember.input.projectId': (id) => ({ projectId: id, principalId: owner.memberId }),
    'createProjectMember.input.roleId': (id) => ({
      projectId: own.otherProject,
      principalId: own.serviceAccount,
      roleId: id,
    }),
    'createRole.input.policyIds': (id) => ({ name: 'Moved', policyIds: [own.policy, id] }),
    'createRole.input.projectId': (id) => ({ name: 'Moved', policyIds: [own.policy], projectId: id }),
    'createServiceAccount.input.fallbackRoleId': (id) => ({ name: 'Moved', ...ends, fallbackRoleId: id }),
    'createServiceAccount.input.roleId': (id) => ({ name: 'Moved', roleId: id }),
    'deleteApiToken.input.id': (id) => ({ id }),
    'deleteCategory.input.id': (id) => ({ id }),
    'deleteCheck.input.id': (id) => ({ id }),
    'deleteInvitation.input.id': (id) => ({ id }),
    'deleteLevel.input.id': (id) => ({ id }),
    'deleteMember.input.id': (id) => ({ id }),
    'deleteOrganization.input.id': (id) => ({ id, slug: 'globex' }),
    'deletePolicy.input.id': (id) => ({ id }),
    'deleteProject.input.id': (id) => ({ id, key: 'first' }),
    'deleteProjectMember.input.id': (id) => ({ id }),
    'deleteRole.input.id': (id) => ({ id }),
    'deleteRole.input.reassignTo': (id) => ({ id: own.role, reassignTo: id }),
    'deleteServiceAccount.input.id': (id) => ({ id }),
    'resendInvitation.input.id': (id) => ({ id }),
    'signOut.input.sessionId': (id) => ({ sessionId: id }),
    'signOutMember.input.id': (id) => ({ id }),
    'switchOrganization.input.organizationId': (id) => ({ organizationId: id }),
    'transferOwnership.input.id': (id) => ({ id }),
    'updateCategory.input.id': (id) => ({ id, name: 'Taken over' }),
    'updateCheck.input.categoryId': (id) => ({ id: own.check, categoryId: id }),
    'updateCheck.input.id': (id) => ({ id, name: 'Taken over', ...place }),
    'updateCheck.input.levelId': (id) => ({ id: own.check, levelId: id }),
    'updateCheck.input.ownerId': (id) => ({ id: own.check, ownerId: id }),
    'updateLevel.input.id': (id) => ({ id, name: 'Taken over', index: 0 }),
    'updateMember.input.fallbackRoleId': (id) => ({ id: owner.memberId, ...ends, fallbackRoleId: id }),
    'updateMember.input.id': (id) => ({ id, roleId: roleId('read') }),
    'updateMember.input.roleId': (id) => ({ id: owner.memberId, roleId: id }),
    'updateOrganization.input.id': (id) => ({ id, name: 'Taken over' }),
    'updatePolicy.input.id': (id) => ({ id, name: 'Taken over' }),
    'updateProject.input.id': (id) => ({ id, name: 'Taken over' }),
    'updateProjectMember.input.id': (id) => ({ id, roleId: null }),
    'updateProjectMember.input.roleId': (id) => ({ id: own.projectMember, roleId: id }),
    'updateRole.input.id': (id) => ({ id, name: 'Taken over' }),
    'updateRole.input.policyIds': (id) => ({ id: own.role, policyIds: [own.policy, id] }),
    'updateServiceAccount.input.fallbackRoleId': (id) => ({ id: own.serviceAccount, ...ends, fallbackRoleId: id }),
    'updateServiceAccount.input.id': (id) => ({ id, name: 'Taken over' }),
    'updateServiceAccount.input.roleId': (id) => ({ id: own.serviceAccount, roleId: id }),
  };
}

/** The mutation of this place with this input. */
export function mutationAt(place: string, input: Json): [string, Json] {
  const name = place.split('.')[0];
  const field = rootFields(schema, 'Mutation').find((each) => each.name === name);
  return operationOf('Mutation', field as never, { input });
}
