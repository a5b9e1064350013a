import {
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { expect } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Api, type Json, startApi } from '../support/api.ts';
import {
  ask,
  cast,
  checkOf,
  found,
  mutate,
  type Person,
  roleId,
  rubricOf,
  schemaOf,
  tokenOf,
} from '../support/world.ts';

/** A place in a mutation's input for one value: a field, or the first item of a list, or a field of that. */
export interface Field {
  mutation: string;
  /** The way to it, such as `statements.0.effect`. */
  name: string;
  type: GraphQLNamedType;
  required: boolean;
  hasDefault: boolean;
}

export interface Inputs {
  api: Api;
  owner: Person;
  /** A good input for each create and update mutation. */
  good: Record<string, Record<string, unknown>>;
  /** Every place for one value in these. */
  fields: Field[];
  /** The lists among these inputs, as a whole. */
  lists: Field[];
  /** Public ids of every type, and of another organization. */
  ids: string[];
  /** Sends the good input with one bad value. Gives the codes, and fails when anything was written or broken. */
  refusal(mutation: string, name: string, value: unknown): Promise<string[]>;
}

/** For `describe.each`: the fields with their names. */
export const titled = (fields: Field[]) => fields.map((field) => [`${field.mutation}(${field.name})`, field] as const);

/** The value in this place of an input. */
export const valueAt = (input: Json, name: string): Json =>
  name.split('.').reduce((value, step) => value?.[step], input);

/** The input with another value in this place; undefined leaves it out. */
export const withValue = (input: Json, name: string, value: unknown): Json => replaced(input, name.split('.'), value);

function replaced(input: Json, [step = '', ...rest]: string[], value: unknown): Json {
  const next = rest.length > 0 ? replaced(input?.[step], rest, value) : value;
  return Array.isArray(input) ? input.toSpliced(Number(step), 1, next) : { ...input, [step]: next };
}

/** The places for one value below an input field, and the lists on the way. */
function placesOf(
  mutation: string,
  name: string,
  type: GraphQLInputType,
  hasDefault: boolean,
): { fields: Field[]; lists: Field[] } {
  const own: Field = { mutation, name, type: getNamedType(type), required: isNonNullType(type), hasDefault };
  const inner = getNullableType(type);
  if (isListType(inner)) {
    const { fields, lists } = placesOf(mutation, `${name}.0`, inner.ofType, false);
    return { fields, lists: [own, ...lists] };
  }
  if (!isInputObjectType(inner)) return { fields: [own], lists: [] };
  return all(Object.values(inner.getFields()).map((field) => placesOfField(mutation, `${name}.${field.name}`, field)));
}

const placesOfField = (mutation: string, name: string, { type, defaultValue }: GraphQLInputField) =>
  placesOf(mutation, name, type, defaultValue !== undefined);

const all = (places: { fields: Field[]; lists: Field[] }[]) => ({
  fields: places.flatMap(({ fields }) => fields),
  lists: places.flatMap(({ lists }) => lists),
});

/** A server with an object for each update, and all that its create and update mutations take. */
export async function startInputs(): Promise<Inputs> {
  const api = await startApi();
  const acme = await found(api, 'acme');
  const globex = await found(api, 'globex');
  const { owner, user } = await cast(api, acme);
  const { categories, levels } = await rubricOf(owner);
  const check = await checkOf(owner, { categories, levels });
  const token = await tokenOf(api, owner, 'READ');
  const { rubric } = await ask(owner, '{ rubric { id } }');
  const [project, other] = [await createProject(owner, 'project'), await createProject(owner, 'other')];
  const policy = await createPolicy(owner, [allow('dataset:*')]);
  const role = await createRole(owner, 'Custom', [allow('dataset:read')]);
  const robot = await createServiceAccount(owner, 'Robot', roleId('read'));
  const projectMember = await giveProjectRole(owner, project, user.memberId, projectRoleId('member'));
  const { invitations } = await mutate(
    owner,
    'createInvitations',
    { emails: ['invited@acme.test'], roleId: roleId('read') },
    'invitations { id }',
  );
  // Mail is in the log, where faults are looked for.
  api.logged.length = 0;
  const term = { roleExpiresAt: '2999-01-01T00:00:00Z', fallbackRoleId: roleId('read') };
  const statements = [{ effect: 'ALLOW', permissions: ['dataset:*', '*:read'] }];
  const place = { categoryId: categories['Security'], levelId: levels['Bronze'] };

  const good: Inputs['good'] = {
    createOrganization: { name: 'Third', slug: 'third' },
    createCategory: { name: 'Cost', description: 'Money.' },
    createLevel: { name: 'Platinum', description: 'Shines.', index: 0 },
    createCheck: { name: 'Logs', notes: 'Kept.', ...place, ownerId: owner.memberId, type: 'MANUAL', enabled: true },
    createApiToken: { name: 'Deploy', access: 'READ', expiresAt: '2999-01-01T00:00:00Z', serviceAccountId: robot },
    createInvitations: {
      emails: ['new@acme.test'],
      roleId: roleId('read'),
      projectRoles: [{ projectId: project, roleId: projectRoleId('member') }],
    },
    createPolicy: { name: 'Data', description: 'Sets.', projectId: project, statements },
    createProject: { key: 'third', name: 'Third', description: 'The third.' },
    createProjectMember: { projectId: other, principalId: user.memberId, roleId: projectRoleId('read') },
    createRole: { name: 'Annotator', description: 'Annotates.', projectId: project, policyIds: [policy] },
    createServiceAccount: { name: 'Deployer', description: 'Deploys.', roleId: roleId('user'), ...term },
    updateOrganization: { id: acme.id, name: 'Acme', slug: 'acme' },
    updateMember: { id: user.memberId, roleId: roleId('read'), ...term },
    updatePlan: { plan: 'ENTERPRISE' },
    updatePolicy: { id: policy, name: 'Sets', description: 'Data.', statements },
    updateProject: { id: project, key: 'project', name: 'Renamed', description: 'The first.' },
    updateProjectMember: { id: projectMember, roleId: role },
    updateRole: { id: role, name: 'Renamed', description: 'Custom.', policyIds: [policy] },
    updateServiceAccount: { id: robot, name: 'Bot', description: 'Automates.', roleId: roleId('user'), ...term },
    updateRubric: { name: 'Maturity', description: 'To be mature.' },
    updateCategory: { id: categories['Security'], name: 'Safety', description: 'Safe.' },
    updateLevel: { id: levels['Bronze'], name: 'Iron', description: 'Rusts.', index: 1 },
    updateCheck: { id: check, name: 'Traces', notes: 'Kept.', ...place, ownerId: owner.memberId, enabled: false },
  };
  const mutations = Object.values((await schemaOf(owner)).getMutationType()?.getFields() ?? {});
  const writing = mutations.filter(({ name }) => /^(create|update)/.test(name));
  expect(Object.keys(good).sort(), 'give each create and update mutation a good input above').toEqual(
    writing.map(({ name }) => name).sort(),
  );
  const { fields, lists } = all(
    writing.flatMap(({ name, args }) => {
      const input = getNamedType(args[0]?.type);
      return isInputObjectType(input)
        ? Object.values(input.getFields()).map((field) => placesOfField(name, field.name, field))
        : [];
    }),
  );

  async function refusal(mutation: string, name: string, value: unknown): Promise<string[]> {
    const before = await everything(api);
    const { refused, errors } = await mutate(owner, mutation, withValue(good[mutation], name, value));
    expect(await everything(api), 'nothing is written').toEqual(before);
    expect(api.logged, 'nothing is a fault of ours').toEqual([]);
    if (refused) return [refused];
    for (const error of errors) expect(error.path).toEqual(name.split('.'));
    return errors.map(({ code }: Json) => code);
  }

  const ids = [
    acme.id,
    owner.memberId,
    owner.userId,
    check,
    token.id,
    rubric.id,
    roleId('read'),
    globex.owner.memberId,
    project,
    policy,
    role,
    robot,
    projectMember,
    invitations[0].id,
  ];
  return {
    api,
    owner,
    good,
    fields,
    lists,
    ids: [...ids, ...Object.values(categories), ...Object.values(levels)],
    refusal,
  };
}

/** What changes without a mutation, or tells of attempts. */
const APART = ['audit_events', 'sessions', 'refresh_tokens'];

/** All that the instance holds, the log of attempts apart. */
async function everything(api: Api): Promise<Json> {
  const tables = await api.root`select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const rows = tables
    .filter(({ name }) => !APART.includes(name))
    .map(({ name }) => `(select json_agg(t order by t::text) from "${name}" t) as "${name}"`);
  return (await api.root.unsafe(`select ${rows.join(', ')}`))[0];
}
