import { expect, test } from 'vitest';
import { decodeId, newId, toPublicId } from '../../src/lib/ids.ts';
import { allow } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  duringChange,
  executeMutation,
  getRubric,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const admin = await addMember(api, acme, 'admin');
const user = await addMember(api, acme, 'user');
const reader = await addMember(api, acme, 'read');

let count = 0;
const unique = (text: string): string => {
  count += 1;
  return `${text} ${count}`;
};

async function service(caller: Caller = user): Promise<{ id: string; name: string }> {
  const created = await mutate(caller, 'createService', { name: unique('Service') }, 'service { id name }');
  return created.service;
}

async function define(schema: Json, caller: Caller = admin): Promise<string> {
  const input = { name: unique('Property'), schema };
  const created = await mutate(caller, 'createPropertyDefinition', input, 'propertyDefinition { id }');
  return created.propertyDefinition.id;
}

const SET = `mutation ($input: SetServicePropertyInput!) {
  setServiceProperty(input: $input) {
    service { level { name } properties { definition { id } value } } errors { code path message } } }`;

const inputFor = (id: string, definition: string, value: Json) => ({
  input: { service: { id }, definition: { id: definition }, value },
});

const set = async (id: string, definition: string, value: Json, caller: Caller = user): Promise<Json> =>
  (await caller.query(SET, inputFor(id, definition, value))).data.setServiceProperty;

const refusal = async (caller: Caller, id: string, definition: string, value: Json): Promise<Json> => {
  const { errors } = await caller.query(SET, inputFor(id, definition, value));
  const { reason, code } = errors?.[0].extensions ?? {};
  return reason ?? code;
};

async function valuesOf(id: string): Promise<Json[]> {
  const { service: found } = await queryData(user, 'query ($id: ID!) { service(id: $id) { properties { value } } }', {
    id,
  });
  return found.properties.map(({ value }: Json) => value);
}

const SERVER = {
  type: 'object',
  required: ['port'],
  properties: { port: { type: 'integer' }, tags: { items: { type: 'string' } } },
};
const server = await define(SERVER);
const port = await define({ type: 'integer', maximum: 65_535 });

test('a User sets, replaces and removes the properties of a service', async () => {
  const { id } = await service();
  const written = { definition: { id: server }, value: { port: 1, tags: ['a', 'ä'] } };
  expect(await set(id, server, written.value)).toEqual({ service: { level: null, properties: [written] }, errors: [] });
  expect((await set(id, port, 0)).service.properties).toEqual([written, { definition: { id: port }, value: 0 }]);
  expect((await set(id, port, 80)).service.properties[1].value).toBe(80);
  expect((await set(id, server, null)).service.properties).toEqual([{ definition: { id: port }, value: 80 }]);
  expect(await set(id, server, null)).toMatchObject({ errors: [] });
});

test('the service and the definition can be given by their aliases', async () => {
  await mutate(user, 'createService', { name: 'Checkout' });
  await mutate(admin, 'createPropertyDefinition', {
    name: 'Port of checkout',
    alias: 'port',
    schema: { type: 'integer' },
  });
  const input = { service: { alias: 'checkout' }, definition: { alias: 'port' }, value: 8443 };
  const { service: changed } = await executeMutation(user, SET, { input });
  expect(changed.properties).toMatchObject([{ value: 8443 }]);
  const missing = { ...input, definition: { alias: 'nothing' } };
  expect((await user.query(SET, { input: missing })).data.setServiceProperty.errors).toEqual([
    {
      ...{ code: 'NOT_FOUND', path: ['definition'] },
      message: 'definition: there is no property definition with this ID or alias.',
    },
  ]);
});

test.each<[string, Json, object]>([
  ['of the wrong type', [], { code: 'INVALID', path: ['value'], message: 'value: must be object.' }],
  [
    'without a required part',
    {},
    { code: 'INVALID', path: ['value'], message: "value: must have required property 'port'." },
  ],
  [
    'with a wrong part',
    { port: '1' },
    { code: 'INVALID', path: ['value', 'port'], message: 'value.port: must be integer.' },
  ],
  ['with a wrong item', { port: 1, tags: ['a', 2] }, { code: 'INVALID', path: ['value', 'tags', '1'] }],
  ['with a NUL character', { port: 1, tags: ['a\0'] }, { code: 'INVALID', path: ['value'] }],
  ['of 100 levels', Array.from({ length: 100 }).reduce<Json>((one) => [one], []), { code: 'INVALID', path: ['value'] }],
  ['of 90,000 characters', { port: 1, tags: ['a'.repeat(90_000)] }, { code: 'TOO_LONG', path: ['value'] }],
])('a value %s is refused with the path', async (_name, value, error) => {
  const { id } = await service();
  expect(await set(id, server, value)).toEqual({ service: null, errors: [expect.objectContaining(error)] });
  expect(await valuesOf(id)).toEqual([]);
});

test('a value can be a literal in the document, with any names of fields', async () => {
  const [{ id }, definition] = [await service(), await define({})];
  const literal = '{ constructor: { a: [1] }, __proto__: { toString: null } }';
  const { data, errors } = await user.query(
    `mutation { setServiceProperty(input: { service: { id: "${id}" }, definition: { id: "${definition}" }, value: ${literal} }) {
      service { properties { value } } errors { code } } }`,
  );
  expect(errors).toBeUndefined();
  const stored = JSON.stringify(data.setServiceProperty.service.properties[0].value);
  expect(JSON.parse(stored)).toEqual(JSON.parse('{"constructor":{"a":[1]},"__proto__":{"toString":null}}'));
  expect(stored).toContain('"__proto__"');
});

test('an omitted value is refused, because null removes the property', async () => {
  const { id } = await service();
  await set(id, port, 1);
  expect((await set(id, port, undefined)).errors).toMatchObject([{ code: 'REQUIRED', path: ['value'] }]);
  expect(await valuesOf(id)).toEqual([1]);
});

test('a caller without service:update sets nothing', async () => {
  const { id } = await service();
  const [readToken, writeToken] = [await createApiToken(api, user, 'READ'), await createApiToken(api, admin, 'WRITE')];
  expect(await refusal(reader, id, port, 1)).toBe('NO_GRANT');
  expect(await refusal(readToken, id, port, 1)).toBe('READ_ONLY_TOKEN');
  expect(await set(id, port, 1, writeToken)).toMatchObject({ errors: [] });
  expect(await set(id, port, 2)).toMatchObject({ errors: [] });
  expect(await valuesOf(id)).toEqual([2]);
});

test('a caller whose permission is limited to the services of their teams sets values of these only', async () => {
  const member = await addMember(api, acme, 'read', 'developer');
  const statements = [
    allow('service:read', 'property_definition:read'),
    { ...allow('service:update'), ownedByPrincipal: true },
  ];
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${acme.slug}`;
  const { role } = await mutate(acme.owner, 'createRole', { name: 'Developer', statements }, 'role { id }');
  await mutate(acme.owner, 'updateMember', { id: member.memberId, roleId: role.id });
  const members = [{ principalId: member.memberId }];
  const { team } = await mutate(acme.owner, 'createTeam', { name: 'Payments', members }, 'team { id }');
  const [own, other] = [await service(acme.owner), await service(acme.owner)];
  await mutate(acme.owner, 'updateService', { service: { id: own.id }, owner: { id: team.id } });
  expect(await set(own.id, port, 1, member)).toMatchObject({ errors: [] });
  expect(await refusal(member, other.id, port, 1)).toBe('NOT_OWNED');
  expect([await valuesOf(own.id), await valuesOf(other.id)]).toEqual([[1], []]);
});

test('the services and the definitions of another organization do not exist', async () => {
  const { id } = await service();
  const [theirs, theirPort] = [await service(globex.owner), await define({ type: 'integer' }, globex.owner)];
  expect(await refusal(globex.owner, id, theirPort, 1)).toBe('NOT_FOUND');
  expect((await set(theirs.id, port, 1, globex.owner)).errors).toMatchObject([
    { code: 'NOT_FOUND', path: ['definition'] },
  ]);
  expect(await set(theirs.id, theirPort, 1, globex.owner)).toMatchObject({ errors: [] });
});

test('a value that takes too long to validate is refused, and other requests are answered in the meantime', async () => {
  const { id } = await service();
  const next = (at: number) => ({ $ref: `#/$defs/d${at + 1}` });
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`d${at}`, at < 39 ? { allOf: [next(at), next(at)] } : { type: 'string' }]),
  );
  const slow = await define({ items: { $ref: '#/$defs/d0' }, $defs });
  let isSettled = false;
  const pending = set(id, slow, ['a']).finally(() => {
    isSettled = true;
  });
  let answered = 0;
  while (!isSettled) {
    expect((await reader.query('{ services(first: 1) { nodes { id } } }')).errors).toBeUndefined();
    if (!isSettled) answered += 1;
  }
  expect((await pending).errors).toMatchObject([{ code: 'INVALID', path: ['value'] }]);
  expect(answered).toBeGreaterThan(1);
  expect(await set(id, port, 1)).toMatchObject({ errors: [] });
});

test('a pattern that is catastrophic elsewhere is matched', async () => {
  const { id } = await service();
  const pattern = await define({ type: 'string', pattern: '^(a+)+$' });
  expect((await set(id, pattern, `${'a'.repeat(8_000)}!`)).errors).toMatchObject([
    { code: 'INVALID', path: ['value'] },
  ]);
  expect(await set(id, pattern, 'a'.repeat(8_000))).toMatchObject({ errors: [] });
});

test('fifty aliases set fifty values', async () => {
  const { id } = await service();
  const fields = Array.from(
    { length: 50 },
    (_, at) =>
      `m${at}: setServiceProperty(input: { service: { id: "${id}" }, definition: { id: "${port}" }, value: ${at} }) { errors { code } }`,
  );
  const { data } = await user.query(`mutation { ${fields.join(' ')} }`);
  expect(Object.values<Json>(data).flatMap(({ errors }) => errors)).toEqual([]);
  expect(await valuesOf(id)).toEqual([49]);
});

test('two requests at the same time set one value', async () => {
  const { id } = await service();
  await Promise.all([1, 2].map((value) => set(id, port, value)));
  expect([[1], [2]]).toContainEqual(await valuesOf(id));
});

test('a service has at most 100 properties', async () => {
  const { id } = await service();
  const organization_id = decodeId(acme.id)?.uuid ?? '';
  const [first, ...others] = Array.from({ length: 101 }, newId);
  const own = { organization_id, schema: '{}' };
  const definitions = [first, ...others].map((one) => ({ ...own, id: one ?? '', name: `Definition ${one}` }));
  await api.root`insert into property_definitions ${api.root(definitions)}`;
  const common = { organization_id, service_id: decodeId(id)?.uuid ?? '', value: '1' };
  const values = others.map((definition_id) => ({ ...common, id: newId(), definition_id }));
  await api.root`insert into service_properties ${api.root(values)}`;
  const [missing, existing] = [first, others[0]].map((one) => toPublicId('prd', one ?? ''));
  expect((await set(id, missing ?? '', 1)).errors).toMatchObject([{ code: 'LIMIT_EXCEEDED', path: ['value'] }]);
  expect(await set(id, existing ?? '', 2)).toMatchObject({ errors: [] });
  expect(await set(id, existing ?? '', null)).toMatchObject({ errors: [] });
  expect(await set(id, missing ?? '', 1)).toMatchObject({ errors: [] });
});

test('the service is evaluated with the new value', async () => {
  const rubric = await getRubric(admin);
  const { id } = await service();
  const owner = await define({ type: 'string' });
  await executeMutation(
    admin,
    'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { errors { code message } } }',
    {
      input: {
        name: 'Has the property',
        category: { id: rubric.categories['Security'] },
        level: { id: rubric.levels['Bronze'] },
        settings: { serviceProperty: { definition: { id: owner } } },
      },
    },
  );
  const without = (await set(id, port, 1)).service.level?.name;
  const withValue = (await set(id, owner, 'a')).service.level?.name;
  expect([without, withValue]).toEqual(['Bronze', 'Gold']);
  expect((await set(id, owner, null)).service.level.name).toBe(without);
});

test('the audit event has the value before and after', async () => {
  const { id } = await service();
  await set(id, port, 1);
  await set(id, port, 2);
  const { auditEvents } = await queryData(
    acme.owner,
    `query ($id: ID!) { auditEvents(first: 1, filter: { targetId: $id, action: "setServiceProperty" }) {
      nodes { action outcome before after } } }`,
    { id },
  );
  expect(auditEvents.nodes).toEqual([
    {
      ...{ action: 'setServiceProperty', outcome: 'ALLOWED' },
      before: { id, property: { definitionId: port, value: 1 } },
      after: { id, property: { definitionId: port, value: 2 } },
    },
  ]);
});

const UPDATE = `mutation ($input: UpdatePropertyDefinitionInput!) {
  updatePropertyDefinition(input: $input) {
    propertyDefinition { schema } errors { code path message usedBy { id ... on Service { name } } } } }`;

test('a new schema that a value does not match is refused with the services', async () => {
  const [one, two] = [await service(), await service()];
  const size = await define({ type: 'integer' });
  await set(one.id, size, 5);
  await set(two.id, size, 50);
  const change = async (schema: Json): Promise<Json> =>
    (await admin.query(UPDATE, { input: { propertyDefinition: { id: size }, schema } })).data.updatePropertyDefinition;
  expect(await change({ type: 'integer', maximum: 10 })).toEqual({
    propertyDefinition: null,
    errors: [
      {
        ...{ code: 'IN_USE', path: ['schema'], usedBy: [two] },
        message: `schema: The value of 1 service does not match it, such as that of “${two.name}”. Change or remove it first.`,
      },
    ],
  });
  expect((await change({ type: 'string' })).errors[0].usedBy).toEqual([one, two]);
  await set(two.id, size, null);
  expect(await change({ type: 'integer', maximum: 10 })).toMatchObject({ errors: [] });
  expect((await set(two.id, size, 50)).errors).toMatchObject([{ code: 'INVALID' }]);
});

test('a value is validated against a schema that changes at the same time', async () => {
  const { id } = await service();
  const size = await define({ type: 'integer' });
  const answer = await duringChange(
    api,
    (sql) => sql`
      update property_definitions set schema = ${sql.json({ type: 'string' })}
      where organization_id = ${decodeId(acme.id)?.uuid ?? ''} and id = ${decodeId(size)?.uuid ?? ''}`,
    () => set(id, size, 5),
  );
  expect(answer.errors).toMatchObject([{ code: 'INVALID', message: 'value: must be string.' }]);
  expect(await valuesOf(id)).toEqual([]);
});

test('a definition is deleted with its values, unless a filter uses it', async () => {
  const { id } = await service();
  const size = await define({ type: 'integer' });
  await set(id, size, 5);
  const predicates = [{ key: 'PROPERTY', keyData: size, operator: 'EXISTS' }];
  const { filter } = await mutate(admin, 'createFilter', { name: unique('Filter'), predicates }, 'filter { id }');
  const remove = (): Promise<Json> => mutate(admin, 'deletePropertyDefinition', { propertyDefinition: { id: size } });
  expect(await remove()).toEqual({ errors: [{ code: 'IN_USE', path: ['propertyDefinition'] }] });
  expect(await valuesOf(id)).toEqual([5]);
  await mutate(admin, 'deleteFilter', { id: filter.id });
  expect(await remove()).toEqual({ errors: [] });
  expect(await valuesOf(id)).toEqual([]);
});
