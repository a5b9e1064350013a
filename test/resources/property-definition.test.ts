import { expect, test } from 'vitest';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, executeMutation, mutate } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const admin = await addMember(api, acme, 'admin');
const user = await addMember(api, acme, 'user');

const CREATE = `mutation ($input: CreatePropertyDefinitionInput!) {
  createPropertyDefinition(input: $input) { propertyDefinition { id name alias schema } errors { code path message } } }`;

let count = 0;
const unique = (): string => {
  count += 1;
  return `Property ${count}`;
};

const create = async (schema: Json, caller: Caller = admin): Promise<Json> =>
  (await caller.query(CREATE, { input: { name: unique(), schema } })).data.createPropertyDefinition;

/** A schema that takes centuries to check: each definition has two references to the next. */
const SLOW = {
  $ref: '#/$defs/d0',
  $defs: Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => {
      const next = { $ref: `#/$defs/d${at + 1}` };
      return [`d${at}`, at < 39 ? { allOf: [next, next] } : { type: 'string' }];
    }),
  ),
};

test('an Admin defines a property, and a User can only read it', async () => {
  const schema = { type: 'object', required: ['port'], properties: { port: { type: 'integer', maximum: 65_535 } } };
  const input = { name: 'Server', alias: 'server', schema };
  const { propertyDefinition } = await executeMutation(admin, CREATE, { input });
  expect(propertyDefinition).toEqual({ id: expect.stringMatching(/^prd_/), ...input });
  expect(await mutate(user, 'createPropertyDefinition', { name: 'Port', schema: {} })).toEqual({ refused: 'NO_GRANT' });
  const { data } = await user.query('{ propertyDefinition(alias: "server") { id schema } }');
  expect(data.propertyDefinition).toEqual({ id: propertyDefinition.id, schema });
});

test('a read-only token defines nothing, and another organization finds nothing', async () => {
  const { propertyDefinition } = await create({});
  const token = await createApiToken(api, admin, 'READ');
  const update = { propertyDefinition: { id: propertyDefinition.id }, schema: { type: 'string' } };
  expect(await mutate(token, 'createPropertyDefinition', { name: unique(), schema: {} })).toEqual({
    refused: 'READ_ONLY_TOKEN',
  });
  expect(await mutate(token, 'updatePropertyDefinition', update)).toEqual({ refused: 'READ_ONLY_TOKEN' });
  expect(await mutate(globex.owner, 'updatePropertyDefinition', update)).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(admin, 'updatePropertyDefinition', update)).toEqual({ errors: [] });
});

test.each<[string, Json, object]>([
  ['no object', [], { code: 'INVALID', path: ['schema'], message: 'schema: must be a JSON object.' }],
  [
    'a misspelled keyword',
    { properties: { port: { minimun: 1 } } },
    {
      ...{ code: 'INVALID', path: ['schema', 'properties', 'port', 'minimun'] },
      message: 'schema.properties.port.minimun: is not a supported keyword of JSON Schema 2020-12.',
    },
  ],
  ['a reference to a URL', { $ref: 'http://127.0.0.1:1/' }, { code: 'INVALID', path: ['schema', '$ref'] }],
  ['a reference to itself', { $ref: '#' }, { code: 'INVALID', path: ['schema'] }],
  ['look-behind', { pattern: '(?<=a)b' }, { code: 'INVALID', path: ['schema', 'pattern'] }],
  ['a NUL character', { title: 'a\0b' }, { code: 'INVALID', path: ['schema'] }],
  ['half of a surrogate pair in a name', { properties: { '\ud800': {} } }, { code: 'INVALID', path: ['schema'] }],
  [
    'too many levels',
    Array.from({ length: 200 }).reduce<Json>((not) => ({ not }), {}),
    { code: 'INVALID', path: ['schema'], message: 'schema: must have at most 64 levels of lists and objects.' },
  ],
  [
    'too many characters',
    { enum: Array.from({ length: 4_000 }, (_, at) => at) },
    { code: 'TOO_LONG', path: ['schema'], message: 'schema: must be at most 16,384 characters of JSON.' },
  ],
  ['an exponential number of steps', SLOW, { code: 'INVALID', path: ['schema'] }],
])('a schema with %s is refused with the path', async (_name, schema, error) => {
  expect(await create(schema)).toEqual({ propertyDefinition: null, errors: [expect.objectContaining(error)] });
});

test('schemas near the limit are accepted', async () => {
  const properties = Array.from({ length: 270 }, (_, at) => [`property ${at}`, { type: 'string', maxLength: at }]);
  const pattern = Array.from({ length: 100 }, () => ({ pattern: '^(a+)+[\\p{L}]{50}$' }));
  for (const schema of [
    { enum: Array.from({ length: 3_000 }, (_, at) => at) },
    { properties: Object.fromEntries(properties) },
    { allOf: pattern },
    Array.from({ length: 60 }).reduce<Json>((not) => ({ not }), {}),
  ])
    expect(await create(schema)).toMatchObject({ propertyDefinition: { schema }, errors: [] });
});

test('other requests are answered while a schema is checked', async () => {
  let isChecked = false;
  const slow = create(SLOW).then((answer) => {
    isChecked = true;
    return answer;
  });
  let answered = 0;
  while (!isChecked) {
    const { data } = await globex.owner.query('{ viewer { user { id } } }');
    expect(data.viewer.user.id).toBe(globex.owner.userId);
    if (!isChecked) answered += 1;
  }
  expect((await slow).errors).toMatchObject([{ code: 'INVALID' }]);
  expect(answered).toBeGreaterThan(1);
  expect(await create({ type: 'string' }, globex.owner)).toMatchObject({ errors: [] });
});

test('a stopped thread is replaced', async () => {
  await api.app.dependencies.schemaValidator.stop();
  expect(await create({ type: 'string' })).toMatchObject({ errors: [] });
});

test('fifty aliases define fifty properties, and the errors of some do not concern the others', async () => {
  const fields = Array.from({ length: 50 }, (_, at) => {
    const schema = at % 10 === 3 ? '{ type: "port" }' : '{ type: "integer" }';
    return `m${at}: createPropertyDefinition(input: { name: "Alias ${at}", schema: ${schema} }) { errors { code } }`;
  });
  const { data } = await admin.query(`mutation { ${fields.join(' ')} }`);
  expect(Object.values<Json>(data).map(({ errors }) => errors.length)).toEqual(
    fields.map((_, at) => (at % 10 === 3 ? 1 : 0)),
  );
});

test('of two definitions that are created at the same time with one name, one is refused', async () => {
  const input = { name: 'Twice', schema: {} };
  const answers = await Promise.all([1, 2].map(() => mutate(admin, 'createPropertyDefinition', input)));
  expect(answers.flatMap(({ errors }) => errors)).toEqual([{ code: 'TAKEN', path: ['name'] }]);
});
