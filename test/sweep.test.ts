import { readFileSync } from 'node:fs';
import {
  type GraphQLInputType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole } from '../src/access/catalog.ts';
import { createProject, giveProjectRole } from './decisions/support.ts';
import { type ApiResponse, type Caller, type Json, startApi } from './support/api.ts';
import { createFixtures, ordinaryInput } from './support/fixtures.ts';
import {
  asBulk,
  bulkOf,
  capitalized,
  createMutationOf,
  inputPaths,
  isOfProject,
  mutations,
  nodeOfList,
  nodeTypes,
  queries,
  type RootField,
  referencedBy,
  toInput,
  valueAt,
  verbAndType,
} from './support/introspect.ts';
import { RESOURCES } from './support/resources.ts';
import { restorer } from './support/restore.ts';
import { createApiToken, createOrganization, membersOfEachRole, mutate } from './support/world.ts';

/**
 * Sends every root field as every caller, with ids of acme. The expected result follows from golden/permissions.tsv, or
 * is in golden/sweep.tsv. Both are edited by hand, because a diff is a change of permissions. `-` is an
 * anonymous caller. READ and WRITE are tokens of the Owner.
 */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const globex = await createOrganization(api, 'globex');
const fixtures = createFixtures(api, acme);
const callers: Record<string, Caller> = {
  '-': api.as(),
  outsider: globex.owner,
  ...Object.fromEntries(BUILT_IN_ROLES.map((role) => [role, people[role]])),
  READ: await createApiToken(api, people.owner, 'READ'),
  WRITE: await createApiToken(api, people.owner, 'WRITE'),
};

/** One object of each type without references to it, so that it can be deleted. */
const ids: Record<string, string> = {};
for (const type of nodeTypes) ids[type] = await fixtures.make(type);
ids['Principal'] = ids['Member'] ?? '';
ids['ApiToken'] = (await createApiToken(api, people.user, 'READ')).id;
ids['Role'] = await fixtures.one('Role');
await giveProjectRole(people.owner, await createProject(people.owner, 'elsewhere'), people.user.memberId, ids['Role']);
ids['Project'] = await createProject(people.owner, 'swept');
// The User has no access to this project, so it is hidden.
ids['ProjectMember'] = await giveProjectRole(people.owner, ids['Project'], people.user.memberId, null);
const place = { category: { id: await fixtures.one('Category') }, level: { id: await fixtures.one('Level') } };
const { check: manual } = await mutate(people.owner, 'createCheck', { name: 'Manual', ...place }, 'check { id }');
const schedule = { startAt: '2001-01-01T00:00:00Z', targetAt: '2999-01-01T00:00:00Z' };
await mutate(people.owner, 'scheduleCampaign', { id: ids['Campaign'], ...schedule });
/** Objects for mutations that are not possible with every object of a type. */
const SUITABLE: Record<string, Record<string, string>> = { reportCheckResult: { Check: manual.id } };
/** Inputs that create an object. All referenced objects belong to acme, including the role. */
const bases: Record<string, Json> = {};
for (const type of nodeTypes.filter((name) => RESOURCES[name]?.create)) {
  const base = await ordinaryInput(fixtures, type);
  bases[type] = toInput(createMutationOf(type), { ...base, ...('roleId' in base && { roleId: ids['Role'] }) });
}

const unique = (): string => `swept-${Math.random().toString(36).slice(2)}`;

/** Values of fields that require a format. */
const TEXTS: Record<string, () => string> = {
  slug: unique,
  key: unique,
  permission: () => 'dataset:read',
  permissions: () => 'dataset:read',
  startAt: () => '2001-01-01T00:00:00Z',
  targetAt: () => '2999-01-01T00:00:00Z',
};

/** A value for an input type: all required fields, with ids of acme. */
function sampleOf(type: GraphQLInputType, name: string, field: string): Json {
  if (isNonNullType(type)) return sampleOf(type.ofType, name, field);
  if (isListType(type)) return [sampleOf(type.ofType, name, field)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  const referenced = referencedBy(type);
  if (referenced) return { id: SUITABLE[field]?.[referenced] ?? ids[referenced] };
  if (isInputObjectType(type)) {
    // A project role is a role or no access.
    const fields = Object.values(type.getFields()).filter(
      (part) => isRequiredInputField(part) || part.name === 'noAccess',
    );
    return Object.fromEntries(fields.map((part) => [part.name, sampleOf(part.type, part.name, field)]));
  }
  if (type.name === 'Boolean') return true;
  if (type.name !== 'ID') return TEXTS[name]?.() ?? 'swept@acme.test';
  const about =
    name === 'id' || name === 'ids'
      ? field
          .replace(/^(update|delete|rotate|signOut|resend|transfer|schedule|unschedule|end|send|dismiss|node)s?/, '')
          .replace('Ownership', 'Member')
          .replace('CampaignReminder', 'Campaign')
          .replace('IntegrationSecret', 'Integration') || 'Check'
      : name.replace(/Ids?$/, '').replace(/^suggestion$/, 'ServiceSuggestion');
  return ids[capitalized(about)] ?? ids['Check'];
}

interface Operation {
  declared: string[];
  text: string;
  variables: Record<string, Json>;
}

/** An operation with one field. Names of variables contain the field, so that one document can have several fields. */
function operationOf(field: RootField, isMutation: boolean): Operation {
  const byId = typeById(field) !== undefined;
  const args = field.args.filter(
    (arg) => isRequiredArgument(arg) || isNonNullType(arg.type) || (byId && arg.name === 'id'),
  );
  const created = hasGolden(field) ? undefined : baseOf(field.name);
  const composite = isCompositeType(getNamedType(field.type));
  const selection = !composite ? '' : isMutation ? '{ errors { code } }' : '{ __typename }';
  const passed = args.map(({ name }) => `${name}: $${field.name}_${name}`).join(', ');
  return {
    declared: args.map(({ name, type }) => `$${field.name}_${name}: ${type}`),
    text: `${field.name}${passed && `(${passed})`} ${selection}`,
    variables: Object.fromEntries(
      args.map(({ name, type }) => [`${field.name}_${name}`, created ?? sampleOf(type, name, field.name)]),
    ),
  };
}

/** The type of a query that returns one object by id. */
const typeById = (field: RootField): string | undefined => {
  const type = getNamedType(field.type).name;
  return nodeTypes.includes(type) && field.args.some((arg) => arg.name === 'id') ? type : undefined;
};

const baseOf = (name: string): Json | undefined => {
  const { verb, type = '' } = verbAndType(name) ?? {};
  return verb === 'create' && bases[type] ? asBulk(name, bases[type]) : undefined;
};

function send(caller: Caller, kind: 'query' | 'mutation', operations: Operation[]): Promise<ApiResponse> {
  const declared = operations.flatMap((operation) => operation.declared).join(', ');
  const text = operations.map((operation) => operation.text).join('\n');
  const variables = Object.assign({}, ...operations.map((operation) => operation.variables));
  return caller.query(`${kind} ${declared && `(${declared})`} { ${text} }`, variables);
}

function outcomeOf({ data, errors }: ApiResponse, field: string): string {
  const own = errors?.filter(({ path }) => !path || path[0] === field) ?? [];
  if (own.length > 0) return [...new Set(own.map(({ extensions }) => extensions.reason ?? extensions.code))].join('+');
  const value = data[field];
  if (value === null || (Array.isArray(value) && value.every((item) => item === null))) return 'null';
  const codes = new Set(value.errors?.map(({ code }: Json) => code));
  return codes.size > 0 ? `input:${[...codes].join('+')}` : 'ok';
}

const tableIn = (file: string): string[][] =>
  readFileSync(`test/golden/${file}`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));

const titleOf = (field: RootField): string => `${queries.includes(field) ? 'query' : 'mutation'} ${field.name}`;
const [header = [], ...lines] = tableIn('sweep.tsv');
const golden = new Map(lines.map(([title = '', ...cells]) => [title, cells]));
const hasGolden = (field: RootField): boolean => golden.has(titleOf(field));

const catalog = new Map(tableIn('permissions.tsv').map(([name = '', level, role = '']) => [name, { level, role }]));
const holds = (role: BuiltInRole, permission: string): boolean => {
  const least = catalog.get(permission)?.role as BuiltInRole;
  return BUILT_IN_ROLES.includes(least) && BUILT_IN_ROLES.indexOf(role) >= BUILT_IN_ROLES.indexOf(least);
};

/** The expected result for a Guest, for whom no project, role or policy exists. */
function resultForGuest(field: RootField, permission: string): string {
  const isProject =
    permission === 'project:read' ||
    isOfProject(verbAndType(field.name)?.type ?? nodeOfList(field)?.name ?? typeById(field) ?? '');
  const isHidden = catalog.get(permission)?.level === 'both' && /:(update|delete)$/.test(permission);
  if (!isProject) return isHidden ? 'NOT_FOUND' : 'NO_GRANT';
  if (typeById(field)) return 'null';
  return nodeOfList(field) ? 'ok' : 'NOT_FOUND';
}

/** The expected result for an Owner of another organization, for whom no object of acme exists. */
function resultForOutsider(field: RootField): string {
  const { verb, type = '' } = verbAndType(field.name) ?? {};
  if (typeById(field)) return 'null';
  if (!verb) return field.args.some(isRequiredArgument) ? 'NOT_FOUND' : 'ok';
  if (verb === 'update' && bulkOf(field.name)) return 'input:NOT_FOUND';
  if (verb !== 'create' || isOfProject(type)) return 'NOT_FOUND';
  const references = inputPaths([field.name]).values.filter((place) => place.type.name === 'ID');
  return references.some(({ name }) => valueAt(baseOf(field.name), name)) ? 'input:NOT_FOUND' : 'ok';
}

/** The permission that a list or a mutation of a resource must require, independent of its guard. */
function permissionOf(field: RootField): string | undefined {
  const { verb = 'read', type = nodeOfList(field)?.name ?? typeById(field) } = verbAndType(field.name) ?? {};
  const resource = type?.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  const permission = `${resource}:${verb}`;
  return catalog.has(permission) ? permission : undefined;
}

/** The expected result for every caller by that permission. Null if the golden file must have a row. */
function derivedResults(field: RootField): string[] | null {
  const permission = permissionOf(field);
  if (!permission) return null;
  const cells: Record<string, string> = { '-': 'UNAUTHENTICATED', outsider: resultForOutsider(field) };
  for (const role of BUILT_IN_ROLES) {
    const refused = holds(role, 'project:read') ? 'NO_GRANT' : resultForGuest(field, permission);
    cells[role] = holds(role, permission) ? 'ok' : refused;
  }
  cells['READ'] = queries.includes(field) ? (cells['owner'] ?? '') : 'READ_ONLY_TOKEN';
  cells['WRITE'] = cells['owner'] ?? '';
  return Object.keys(callers).map((name) => cells[name] ?? '');
}

const expected = (field: RootField): string[] =>
  golden.get(titleOf(field)) ?? derivedResults(field) ?? ['add a row to test/golden/sweep.tsv by hand'];
const isRefusal = (outcome: string): boolean => !/^(ok|input:)/.test(outcome);

/** The items for which the test is true, and the others. */
function partition<Item>(items: Item[], isFirst: (item: Item, at: number) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item, at) => !isFirst(item, at))];
}

const line = (field: RootField, cells: string[]): string => [titleOf(field), ...cells].join('\t');

test('the golden file has a column for each caller, and only rows of existing fields', () => {
  expect(header).toEqual(['field', ...Object.keys(callers)]);
  const titles = [...queries, ...mutations].map(titleOf);
  expect([...golden.keys()].filter((title) => !titles.includes(title))).toEqual([]);
});

test('the golden file has no row that can be derivedResults from the permission of its field', () => {
  const follows = [...queries, ...mutations].filter(
    (field) => hasGolden(field) && String(golden.get(titleOf(field))) === String(derivedResults(field)),
  );
  expect(follows.map(titleOf)).toEqual([]);
});

test('every query returns the result of the golden files to every caller', async () => {
  const operations = queries.map((field) => operationOf(field, false));
  const answers: ApiResponse[] = [];
  for (const caller of Object.values(callers)) answers.push(await send(caller, 'query', operations));
  const rows = queries.map((field) =>
    line(
      field,
      answers.map((answer) => outcomeOf(answer, field.name)),
    ),
  );
  expect(rows).toEqual(queries.map((field) => line(field, expected(field))));
});

test('every mutation returns the result of the golden files to every caller', async () => {
  const restore = await restorer(api);
  const rows: string[] = [];
  for (const field of mutations) {
    const sent = async (caller: Caller) =>
      outcomeOf(await send(caller, 'mutation', [operationOf(field, true)]), field.name);
    const cells: Record<string, string> = {};
    // Refused mutations write nothing, so they can run at the same time.
    const [refused, others] = partition(Object.keys(callers), (_, at) => isRefusal(expected(field)[at] ?? ''));
    for (const names of [refused, ...others.map((name) => [name])]) {
      const outcomes = await Promise.all(names.map((name) => sent(callers[name] as Caller)));
      const wrote = await restore();
      // Attempts are counted also when they are refused.
      const changed = wrote.filter((name) => name !== 'rate_limits');
      if (outcomes.every(isRefusal)) expect(changed, `${field.name} wrote something although refused`).toEqual([]);
      for (const [at, name] of names.entries()) cells[name] = outcomes[at] ?? '';
    }
    rows.push(
      line(
        field,
        Object.keys(callers).map((name) => cells[name] ?? ''),
      ),
    );
  }
  expect(rows).toEqual(mutations.map((field) => line(field, expected(field))));
});
