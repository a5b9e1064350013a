import { describe, expect, test, vi } from 'vitest';
import { allow, ifOwned } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

/** Properties in the mutations that create and update services. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const user = await addMember(api, acme, 'user');
const rubric = await getRubric(owner);

const define = async (alias: string, schema: object): Promise<string> => {
  const input = { name: alias, alias, schema };
  return (await mutate(owner, 'createPropertyDefinition', input, 'propertyDefinition { id }')).propertyDefinition.id;
};
const port = await define('port', { type: 'object', properties: { tcp: { type: 'integer' } } });
await define('region', { type: 'string' });

const RESULT = 'service { id level { name } properties { definition { alias } value } }';
const RESULTS = RESULT.replace('service', 'services');
const shown = ({ properties }: Json): Json =>
  Object.fromEntries(properties.map(({ definition, value }: Json) => [definition.alias, value]));
const property = (alias: string, value: unknown) => ({ definition: { alias }, value });
const create = (name: string, properties: object[], caller: Caller = user) =>
  mutate(caller, 'createService', { name, properties }, RESULT);
const propertiesOf = async (alias: string): Promise<Json> =>
  shown(
    (await queryData(user, `{ service(alias: "${alias}") { properties { definition { alias } value } } }`)).service,
  );

test('a service is created and updated with properties, and those that are not given stay', async () => {
  const check = await createCheck(owner, rubric, {
    settings: { serviceProperty: { definition: { id: port } } },
    level: { id: rubric.levels['Silver'] },
  });
  const { service, errors } = await create('One', [property('port', { tcp: 80 }), property('region', 'eu')]);
  expect(errors).toEqual([]);
  expect(shown(service)).toEqual({ port: { tcp: 80 }, region: 'eu' });
  expect(service.level).toEqual({ name: 'Gold' });
  const update = (properties: object[]) =>
    mutate(user, 'updateService', { service: { alias: 'one' }, properties }, RESULT);
  expect(shown((await update([property('region', 'us')])).service)).toEqual({ port: { tcp: 80 }, region: 'us' });
  const removed = await update([property('port', null)]);
  expect(shown(removed.service)).toEqual({ region: 'us' });
  expect(removed.service.level).toEqual({ name: 'Bronze' });
  await mutate(owner, 'deleteCheck', { check: { id: check } });
});

test('many services are created and updated with properties, all or none', async () => {
  const services = ['Many 1', 'Many 2'].map((name, at) => ({ name, properties: [property('port', { tcp: at })] }));
  const created = await mutate(user, 'createServices', { services }, RESULTS);
  expect(created.services.map(shown)).toEqual([{ port: { tcp: 0 } }, { port: { tcp: 1 } }]);
  const changes = [
    { service: { alias: 'many-1' }, properties: [property('region', 'eu')] },
    { service: { alias: 'many-2' }, properties: [property('port', null)] },
  ];
  const updated = await mutate(user, 'updateServices', { services: changes }, RESULTS);
  expect(updated.services.map(shown)).toEqual([{ port: { tcp: 0 }, region: 'eu' }, {}]);
  const wrong = [changes[0], { service: { alias: 'many-2' }, properties: [property('region', 5)] }];
  expect(await mutate(user, 'updateServices', { services: wrong }, RESULTS)).toEqual({
    services: null,
    errors: [{ code: 'INVALID', path: ['services', '1', 'properties', '0', 'value'] }],
  });
});

test('the values of one definition are validated with one call', async () => {
  const services = Array.from({ length: 50 }, (_, at) => ({
    name: `Counted ${at}`,
    properties: [property('port', { tcp: at }), property('region', 'eu')],
  }));
  const validate = vi.spyOn(api.app.dependencies.schemaValidator, 'validate');
  expect(await mutate(user, 'createServices', { services })).toEqual({ errors: [] });
  expect(validate).toHaveBeenCalledTimes(2);
});

test('errors have the path of the wrong part', async () => {
  const good = { name: 'Good', properties: [property('port', {})] };
  const services = [
    good,
    { name: 'Bad', properties: [property('region', 'eu'), property('nothing', 1)] },
    { name: 'Worse', properties: [{ definition: { alias: 'region' } }] },
  ];
  expect((await mutate(user, 'createServices', { services }, RESULTS)).errors).toEqual([
    { code: 'NOT_FOUND', path: ['services', '1', 'properties', '1', 'definition'] },
    { code: 'REQUIRED', path: ['services', '2', 'properties', '0', 'value'] },
  ]);
  expect((await create('Wrong', [property('port', { tcp: 'x' })])).errors).toEqual([
    { code: 'INVALID', path: ['properties', '0', 'value', 'tcp'] },
  ]);
  expect((await create('Twice', [property('port', {}), property('port', {})])).errors).toEqual([
    { code: 'INVALID', path: ['properties', '1', 'value'] },
  ]);
  const many = Array.from({ length: 101 }, () => property('port', {}));
  expect((await create('Many', many)).errors).toEqual([{ code: 'TOO_LONG', path: ['properties'] }]);
  expect((await create('Large', [property('region', 'x'.repeat(9_000))])).errors).toEqual([
    { code: 'TOO_LONG', path: ['properties', '0', 'value'] },
  ]);
  const { services: found } = await queryData(user, '{ services(filter: { search: "Good" }) { totalCount } }');
  expect(found.totalCount).toBe(0);
});

test('the audit event has the values before and after, and only those that changed', async () => {
  await create('Audited', [property('port', { tcp: 1 }), property('region', 'eu')]);
  const properties = [property('port', { tcp: 2 }), property('region', 'eu')];
  const { service } = await mutate(
    user,
    'updateService',
    { service: { alias: 'audited' }, properties },
    'service { id }',
  );
  const { auditEvents } = await queryData(
    owner,
    'query ($id: ID!) { auditEvents(first: 2, filter: { targetId: $id }) { nodes { action before after } } }',
    { id: service.id },
  );
  const [updated, created] = auditEvents.nodes;
  expect(updated.before.properties).toEqual([{ definitionId: port, value: { tcp: 1 } }]);
  expect(updated.after.properties).toEqual([{ definitionId: port, value: { tcp: 2 } }]);
  expect(created).toMatchObject({ action: 'createService', before: null });
  expect(created.after.properties).toHaveLength(2);
});

describe('permissions are those of setServiceProperty:', () => {
  const memberWith = async (name: string, statements: object[]): Promise<Caller & { memberId: string }> => {
    const { role } = await mutate(owner, 'createRole', { name, statements }, 'role { id }');
    const member = await addMember(api, acme, 'guest', name);
    expect(await mutate(owner, 'updateMember', { id: member.memberId, roleId: role.id })).toEqual({ errors: [] });
    return member;
  };

  test('a definition that the caller cannot read is refused', async () => {
    const caller = await memberWith('blind', [allow('service:*')]);
    expect(await create('Blind', [property('port', {})], caller)).toEqual({
      service: null,
      errors: [{ code: 'NOT_FOUND', path: ['properties', '0', 'definition'] }],
    });
    expect((await create('Blind', [], caller)).errors).toEqual([]);
    const row = `${JSON.stringify({ name: 'Blind import', properties: { port: {} } })}\n`;
    const response = await fetch(`${api.address}/services/import`, {
      ...{ method: 'POST', body: row },
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/jsonl' },
    });
    const [first = ''] = (await response.text()).split('\n');
    expect(JSON.parse(first)).toMatchObject({ line: 1, errors: [{ code: 'NOT_FOUND', path: ['properties', 'port'] }] });
  });

  test('a service that the caller must not update is refused', async () => {
    const caller = await memberWith('owning', [
      allow('service:read', 'property_definition:read'),
      ifOwned(allow('service:update')),
    ]);
    const { team } = await mutate(
      owner,
      'createTeam',
      { name: 'Owning', members: [{ principalId: caller.memberId }] },
      'team { id }',
    );
    await mutate(owner, 'createServices', { services: [{ name: 'Ours', owner: { id: team.id } }, { name: 'Theirs' }] });
    const update = (alias: string) =>
      mutate(caller, 'updateService', { service: { alias }, properties: [property('region', 'eu')] });
    expect(await update('ours')).toEqual({ errors: [] });
    expect(await update('theirs')).toEqual({ refused: 'NOT_OWNED' });
    expect([await propertiesOf('ours'), await propertiesOf('theirs')]).toEqual([{ region: 'eu' }, {}]);
  });
});
