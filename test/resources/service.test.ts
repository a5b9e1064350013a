import { describe, expect, test } from 'vitest';
import { newId } from '../../src/lib/ids.ts';
import { organizationUuid, unknownId, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import {
  createOrganization,
  duringChange,
  membersOfEachRole,
  mutate,
  queryData,
  waitsForLock,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { user, read, owner } = await membersOfEachRole(api, acme);
await mutate(user, 'createTeam', { name: 'Pay' });
await mutate(owner, 'createTier', { name: 'One', alias: 'one' });
await mutate(owner, 'createLifecycle', { name: 'Live', alias: 'live' });

const FIELDS = `name aliases owner { name } tier { name } lifecycle { name } language framework
  tags { key value } links { name url category } dependencies { totalCount nodes { name } } dependents { nodes { name } }`;
const service = async (alias: string, fields = FIELDS): Promise<Json> =>
  (await queryData(read, `query ($alias: String) { service(alias: $alias) { ${fields} } }`, { alias })).service;

const EMPTY = {
  ...{ owner: null, tier: null, lifecycle: null, language: null, framework: null, tags: [], links: [] },
  ...{ dependencies: { totalCount: 0, nodes: [] }, dependents: { nodes: [] } },
};

test('a service has an owner, a tier, a lifecycle, tags, links and dependencies', async () => {
  await mutate(user, 'createService', { name: 'Ledger' });
  const given = {
    ...{ name: 'Checkout', owner: { alias: 'pay' }, tier: { alias: 'one' }, lifecycle: { alias: 'live' } },
    ...{ language: 'Go', framework: 'Gin', tags: [{ key: 'env', value: 'prod' }] },
    links: [{ name: 'Docs', url: 'https://acme.test/?a=1&b="x"' }],
    dependencies: [{ alias: 'ledger' }, { alias: 'ledger' }],
  };
  expect(await mutate(user, 'createService', given, `service { ${FIELDS} }`)).toEqual({
    service: {
      ...{ name: 'Checkout', aliases: ['checkout'], language: 'Go', framework: 'Gin' },
      ...{ owner: { name: 'Pay' }, tier: { name: 'One' }, lifecycle: { name: 'Live' }, tags: given.tags },
      links: [{ name: 'Docs', url: 'https://acme.test/?a=1&b="x"', category: null }],
      dependencies: { totalCount: 1, nodes: [{ name: 'Ledger' }] },
      dependents: { nodes: [] },
    },
    errors: [],
  });
  expect(await service('ledger')).toEqual({
    ...EMPTY,
    ...{ name: 'Ledger', aliases: ['ledger'], dependents: { nodes: [{ name: 'Checkout' }] } },
  });
  for (const filter of ['owner: { alias: "pay" }', 'tier: { alias: "one" }', 'language: "Go"', 'framework: "Gin"'])
    expect(await queryData(read, `{ services(filter: { ${filter} }) { nodes { name } } }`)).toEqual({
      services: { nodes: [{ name: 'Checkout' }] },
    });
  const { team } = await queryData(read, '{ team(alias: "pay") { services { nodes { name } } } }');
  expect(team).toEqual({ services: { nodes: [{ name: 'Checkout' }] } });
});

test('dependencies are removed with the service that is needed, and a service cannot need itself', async () => {
  const self = { service: { alias: 'checkout' }, addDependencies: [{ alias: 'checkout' }] };
  expect(await mutate(user, 'updateService', self)).toEqual({
    errors: [{ code: 'INVALID', path: ['addDependencies', '0'] }],
  });
  await mutate(user, 'createService', { name: 'Gone' });
  await mutate(user, 'updateService', { ...self, addDependencies: [{ alias: 'gone' }] });
  await mutate(user, 'updateService', { ...self, addDependencies: [], removeDependencies: [{ alias: 'ledger' }] });
  expect((await service('checkout')).dependencies).toEqual({ totalCount: 1, nodes: [{ name: 'Gone' }] });
  expect(await mutate(user, 'deleteService', { service: { alias: 'gone' } })).toEqual({ errors: [] });
  expect((await service('checkout')).dependencies).toEqual({ totalCount: 0, nodes: [] });
});

test.each(['javascript:alert(1)', 'ftp://acme.test', 'acme.test', 'http://', ' data:text/html,x'])(
  'the URL %j is refused for a link',
  async (url) => {
    expect(await mutate(user, 'createService', { name: 'Linked', links: [{ name: 'Bad', url }] })).toEqual({
      errors: [{ code: 'INVALID', path: ['links', '0', 'url'] }],
    });
  },
);

test('a link has a URL of at most 2,000 bytes, which an index can contain', async () => {
  const create = (links: object[]) => mutate(user, 'createService', { name: `Linked ${links.length}`, links });
  // Characters that PostgreSQL cannot compress.
  const random = (length: number, from: number) =>
    Array.from({ length }, (_, at) => String.fromCodePoint(from + ((at * 7919 + at * at * 104_729) % 20_000))).join('');
  const long = { name: random(200, 0x4e00), url: `https://acme.test/${random(660, 0x4e00)}` };
  expect(await create([long])).toEqual({ errors: [] });
  expect(await create([long, { ...long, url: `${long.url}火` }])).toEqual({
    errors: [{ code: 'INVALID', path: ['links', '1', 'url'] }],
  });
});

test('a team with services cannot be deleted', async () => {
  expect(await mutate(user, 'deleteTeam', { team: { alias: 'pay' } })).toEqual({
    errors: [{ code: 'IN_USE', path: ['team'] }],
  });
});

test('recordDeploy keeps the latest deploy', async () => {
  const DEPLOY = 'lastDeployAt lastDeployVersion lastDeployDescription';
  const deploy = (input: object) =>
    mutate(user, 'recordDeploy', { service: { alias: 'ledger' }, ...input }, `service { ${DEPLOY} }`);
  const one = { deployedAt: '2024-02-01T00:00:00.000Z', version: 'v1', description: 'First.' };
  const deployed = { lastDeployAt: one.deployedAt, lastDeployVersion: 'v1', lastDeployDescription: 'First.' };
  expect(await deploy(one)).toEqual({ service: deployed, errors: [] });
  expect(await deploy({ deployedAt: '2024-01-01T00:00:00.000Z', version: 'v0' })).toEqual({
    service: deployed,
    errors: [],
  });
  expect(await deploy({ version: 'v2' })).toMatchObject({ service: { lastDeployVersion: 'v2' } });
  expect(await deploy({ deployedAt: '2999-01-01T00:00:00Z' })).toEqual({
    service: null,
    errors: [{ code: 'INVALID', path: ['deployedAt'] }],
  });
  expect(await mutate(read, 'recordDeploy', { service: { alias: 'ledger' } })).toEqual({ refused: 'NO_GRANT' });
});

test('several services are created and updated at once, with aliases, owners and dependencies', async () => {
  const services = [
    { name: 'Bulk one', owner: { alias: 'pay' }, tags: [{ key: 'a', value: '1' }] },
    { name: 'Bulk two', aliases: ['second'], dependencies: [{ alias: 'ledger' }] },
    { name: 'Bulk!two' },
  ];
  const created = await mutate(user, 'createServices', { services }, 'services { name aliases tags { value } }');
  expect(created).toEqual({
    services: [
      { name: 'Bulk one', aliases: ['bulk-one'], tags: [{ value: '1' }] },
      { name: 'Bulk two', aliases: ['second', 'bulk-two'], tags: [] },
      { name: 'Bulk!two', aliases: ['bulk-two-2'], tags: [] },
    ],
    errors: [],
  });
  const changes = [
    { service: { alias: 'second' }, name: 'Renamed', addTags: [{ key: 'b', value: '2' }] },
    { service: { alias: 'bulk-one' }, owner: null, removeTags: [{ key: 'a', value: '1' }] },
  ];
  const FEW = 'services { name aliases owner { name } tags { value } }';
  expect(await mutate(user, 'updateServices', { services: changes }, FEW)).toEqual({
    services: [
      { name: 'Renamed', aliases: ['second', 'bulk-two', 'renamed'], owner: null, tags: [{ value: '2' }] },
      { name: 'Bulk one', aliases: ['bulk-one'], owner: null, tags: [] },
    ],
    errors: [],
  });
  const { auditEvents } = await queryData(
    owner,
    '{ auditEvents(first: 1) { nodes { action targetId after related { targetId after } } } }',
  );
  expect(auditEvents.nodes).toMatchObject([
    { action: 'updateServices', after: { name: 'Renamed' }, related: [{ after: { name: 'Bulk one', tags: [] } }] },
  ]);
});

test('one wrong input refuses all of them, and errors have the index', async () => {
  const names = async (): Promise<Json> => (await queryData(read, '{ services { nodes { name } } }')).services.nodes;
  const before = await names();
  const create = async (services: object[]) => (await mutate(user, 'createServices', { services })).errors;
  const good = { name: 'Good' };
  expect(await create([good, { name: '' }, { name: 'x', owner: { alias: 'nobody' } }])).toEqual([
    { code: 'TOO_SHORT', path: ['services', '1', 'name'] },
    { code: 'NOT_FOUND', path: ['services', '2', 'owner'] },
  ]);
  expect(await create([good, { name: 'LEDGER' }, { name: 'GOOD' }])).toEqual([
    { code: 'TAKEN', path: ['services', '1', 'name'] },
    { code: 'TAKEN', path: ['services', '2', 'name'] },
  ]);
  expect(await create([good, { name: 'New', aliases: ['fresh', 'ledger'] }])).toEqual([
    { code: 'TAKEN', path: ['services', '1', 'aliases', '1'] },
  ]);
  expect(
    await create([
      { ...good, aliases: ['same'] },
      { name: 'New', aliases: ['same'] },
    ]),
  ).toEqual([{ code: 'TAKEN', path: ['services', '1', 'aliases', '0'] }]);
  // A violated foreign key would not tell which of them is wrong.
  const [team, unknown] = [unknownId('tea'), unknownId('svc')];
  expect(await create([good, { name: 'Two', owner: { id: team } }])).toEqual([
    { code: 'NOT_FOUND', path: ['services', '1', 'owner'] },
  ]);
  expect(await create([good, { name: 'Two', dependencies: [{ alias: 'ledger' }, { id: unknown }] }])).toEqual([
    { code: 'NOT_FOUND', path: ['services', '1', 'dependencies', '1'] },
  ]);
  expect(await create([])).toEqual([{ code: 'TOO_SHORT', path: ['services'] }]);
  expect(await create(Array.from({ length: 501 }, (_, at) => ({ name: `Many ${at}` })))).toEqual([
    { code: 'TOO_LONG', path: ['services'] },
  ]);
  const update = async (services: object[]) => (await mutate(user, 'updateServices', { services })).errors;
  const ledger = { service: { alias: 'ledger' }, language: 'Rust' };
  expect(await update([ledger, { service: { alias: 'nothing' } }, { service: { id: 'svc_x' } }])).toEqual([
    { code: 'NOT_FOUND', path: ['services', '1', 'service'] },
    { code: 'NOT_FOUND', path: ['services', '2', 'service'] },
  ]);
  expect(await update([ledger, { service: { alias: 'ledger' }, language: 'Go' }])).toEqual([
    { code: 'INVALID', path: ['services', '1', 'service'] },
  ]);
  expect(await update([ledger, { service: { alias: 'checkout' }, name: 'Ledger' }])).toEqual([
    { code: 'TAKEN', path: ['services', '1', 'name'] },
  ]);
  expect(await names()).toEqual(before);
  expect((await service('ledger', 'language')).language).toBeNull();
  expect(await mutate(read, 'createServices', { services: [good] })).toEqual({ refused: 'NO_GRANT' });
});

test('500 services are created with few statements, and cost as much as 500 mutations', async () => {
  const services = Array.from({ length: 500 }, (_, at) => ({
    ...{ name: `Many ${at}`, owner: { alias: 'pay' }, tags: [{ key: 'at', value: `${at}` }] },
  }));
  const document =
    'mutation ($input: CreateServicesInput!) { createServices(input: $input) { services { id } errors { code } } }';
  const answer = await user.query(document, { input: { services } });
  expect(answer.data.createServices.errors).toEqual([]);
  expect(answer.data.createServices.services).toHaveLength(500);
  const expensive = document.replace(
    'services { id }',
    'services { id links { url name category } tags { key value } }',
  );
  const refused = await user.query(expensive, { input: { services } });
  expect(refused.errors?.[0].extensions.code).toBe('BAD_REQUEST');
});

test('of two renames to one name at once, one fails and the other gets the alias', async () => {
  for (const name of ['Race one', 'Race two']) await mutate(user, 'createService', { name });
  const rename = (alias: string, name: string) => mutate(user, 'updateService', { service: { alias }, name });
  const both = await Promise.all([rename('race-one', 'Winner'), rename('race-two', 'Winner')]);
  expect(both.map(({ errors, refused }) => refused ?? errors.map(({ code }: Json) => code).join()).sort()).toEqual([
    '',
    'TAKEN',
  ]);
  const slugs = await Promise.all([rename('race-one', 'Same slug'), rename('race-two', 'Same-slug')]);
  expect(slugs).toEqual([{ errors: [] }, { errors: [] }]);
  const aliases = await Promise.all(['race-one', 'race-two'].map((alias) => service(alias, 'aliases')));
  const added = aliases.flatMap((one) => one.aliases).filter((alias: string) => alias.startsWith('same'));
  expect(added.sort()).toEqual(['same-slug', 'same-slug-2']);
});

test('an alias that moves to another service before the lock does not change that service', async () => {
  await mutate(user, 'createService', { name: 'Former', aliases: ['moving'] });
  await mutate(user, 'createService', { name: 'Later' });
  const [later] = await api.root`select id from services where name = 'Later'`;
  const answer = await duringChange(
    api,
    async (sql) => {
      await sql`update services set language = 'x' where name = 'Former'`;
      await sql`update service_aliases set service_id = ${later?.['id']} where alias = 'moving'`;
    },
    () => mutate(user, 'deleteService', { service: { alias: 'moving' } }),
  );
  expect(answer).toEqual({ refused: 'NOT_FOUND' });
});

describe('an error that only the database finds has the path of its input:', () => {
  const createTier = async (name: string): Promise<string> =>
    (await mutate(owner, 'createTier', { name }, 'tier { id }')).tier.id;
  const RACED = 'services { id }';

  test('a tier that is deleted meanwhile', async () => {
    const [kept, deleted] = [await createTier('Kept'), await createTier('Deleted')];
    const services = [
      { name: 'With kept', tier: { id: kept } },
      { name: 'With deleted', tier: { id: deleted } },
    ];
    const raced = await duringChange(
      api,
      (sql) => sql`delete from tiers where id = ${uuidOf('tie', deleted)}
        and organization_id = ${organizationUuid(acme)}`,
      () => mutate(owner, 'createServices', { services }, RACED),
    );
    expect(raced).toEqual({ services: null, errors: [{ code: 'NOT_FOUND', path: ['services', '1', 'tier'] }] });
    const other = [services[0], { name: 'Without', tier: null }];
    expect((await mutate(owner, 'createServices', { services: other }, RACED)).errors).toEqual([]);
  });

  test('a name that another request takes meanwhile', async () => {
    const services = [{ name: 'Nobody has it' }, { name: 'Taken meanwhile' }];
    const raced = await duringChange(
      api,
      (sql) => sql`insert into services (organization_id, id, name)
        values (${organizationUuid(acme)}, ${newId()}, 'taken MEANWHILE')`,
      () => mutate(owner, 'createServices', { services }, RACED),
    );
    expect(raced).toEqual({ services: null, errors: [{ code: 'TAKEN', path: ['services', '1', 'name'] }] });
  });

  test('and without the other change, the mutation succeeds', async () => {
    const services = [{ name: 'Free one' }, { name: 'Free two' }];
    const rolledBack = new Error('rolled back');
    let work: Promise<Json> | undefined;
    const change = api.root.begin(async (sql) => {
      await sql`insert into services (organization_id, id, name)
        values (${organizationUuid(acme)}, ${newId()}, 'Free two')`;
      work = mutate(owner, 'createServices', { services }, RACED);
      while (!(await waitsForLock(api)));
      throw rolledBack;
    });
    await expect(change).rejects.toBe(rolledBack);
    expect((await work)?.errors).toEqual([]);
  });
});
