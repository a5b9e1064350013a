import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { operationOf, PUBLIC_FIELDS } from '../enforcement/support.ts';
import { AUDIT_LOG, allRows } from '../support/all-rows.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { mutations, nodeTypes, queries, type RootField } from '../support/introspect.ts';
import { addMember, createOrganization, executeMutation, getRubric, queryData } from '../support/world.ts';

/** The catalog importer and the CI job of the README, with the commands that it shows. */
const README = readFileSync('README.md', 'utf8');
const [, SECTION = ''] = /(Give two programs.*?)\n## /s.exec(README) ?? [];
const COMMANDS = [...SECTION.matchAll(/ask (?:'([^']+)'|"((?:\\"|[^"])+)")/g)].map(([, plain, quoted = '']) =>
  (plain ?? quoted).replaceAll('\\"', '"'),
);
const command = (text: string): string => COMMANDS.find((each) => each.includes(text)) ?? `no command has ${text}`;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
await api.root`update organizations set plan = 'ENTERPRISE' where slug = 'acme'`;
const admin = await addMember(api, acme, 'admin');
const fixtures = createFixtures(api, acme);

const { role } = await executeMutation(admin, command('createRole'));
const { serviceAccount } = await executeMutation(admin, command('createServiceAccount').replace('$ROLE', role.id));
const secretOf = async (text: string): Promise<string> => (await executeMutation(admin, text)).secret;
const importer = api.as(await secretOf(command('name: "import"').replace('$ACCOUNT', serviceAccount.id)));
const ci = api.as(await secretOf(command('name: "CI"')));

interface Program {
  caller: Caller;
  /** Mutations of its work. */
  work: string[];
  /** Lists and getters that it can use. */
  reads: string[];
  /** Types whose objects it can see. */
  sees: string[];
}

/** Mutations with which every credential limits, rotates and revokes itself. */
const OWN = ['createApiToken', 'deleteApiToken', 'rotateApiToken'];

/** Queries that every credential can use. They return what it can see. */
const OPEN = [
  ...['access', 'apiKey', 'apiToken', 'apiTokens', 'authorize', 'dataset', 'datasets', 'node', 'nodes'],
  ...['permissionsOf', 'project', 'projects', 'session', 'sessions'],
];

const PROGRAMS: Record<string, Program> = {
  importer: {
    caller: importer,
    work: [
      ...['createService', 'createServices', 'createTeam', 'recordDeploy', 'setServiceProperty'],
      ...['updateService', 'updateServices', 'updateTeam'],
    ],
    reads: [
      ...['lifecycle', 'lifecycles', 'propertyDefinition', 'propertyDefinitions', 'service', 'services'],
      ...['team', 'teams', 'tier', 'tiers'],
    ],
    sees: ['Lifecycle', 'PropertyDefinition', 'Service', 'Team', 'Tier'],
  },
  ci: { caller: ci, work: ['reportCheckResult', 'runChecks'], reads: [], sees: [] },
};

describe('the work', () => {
  test('of the README is done with its commands, and the deletion is refused', async () => {
    const { categories, levels } = await getRubric(admin);
    const place = { category: { id: categories['Security'] }, level: { id: levels['Gold'] } };
    await executeMutation(
      admin,
      'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { errors { code message } } }',
      { input: { name: 'Threats', alias: 'has_a_threat_model', ...place } },
    );
    await executeMutation(importer, command('createTeam'));
    await executeMutation(importer, command('createServices'));
    await executeMutation(ci, command('reportCheckResult'));
    const { errors } = await ci.query(command('deleteService'));
    expect(errors).toMatchObject([{ extensions: { reason: 'TOKEN_NARROWED', permission: 'service:delete' } }]);
    const { service } = await queryData(
      admin,
      '{ service(alias: "wish-list") { owner { name } checkResults { nodes { check { name } status } } } }',
    );
    expect(service.owner).toEqual({ name: 'Storefront' });
    expect(service.checkResults.nodes).toContainEqual({ check: { name: 'Threats' }, status: 'PASSED' });
  });

  test('of the importer includes deploys, properties, and changes of services and teams', async () => {
    const [service, team] = [await fixtures.make('Service'), await fixtures.make('Team')];
    const inputs: Record<string, Json> = {
      createService: { name: 'Ledger', tags: [{ key: 'region', value: 'eu' }] },
      recordDeploy: { service: { id: service }, version: 'v2' },
      setServiceProperty: {
        service: { id: service },
        definition: { id: await fixtures.make('PropertyDefinition') },
        value: { port: 80 },
      },
      updateService: { service: { id: service }, owner: { id: team }, description: 'Pays.' },
      updateServices: { services: [{ service: { id: service }, language: 'Go' }] },
      updateTeam: { team: { id: team }, description: 'Ships.' },
    };
    for (const [name, input] of Object.entries(inputs)) {
      const [document, variables] = operationOf('Mutation', fieldNamed(name), { input });
      await executeMutation(importer, document, variables);
    }
  });

  test('of the CI job includes an evaluation', async () => {
    const input = { service: { id: await fixtures.one('Service') } };
    await executeMutation(ci, ...operationOf('Mutation', fieldNamed('runChecks'), { input }));
  });
});

const fieldNamed = (name: string): RootField => mutations.find((field) => field.name === name) as RootField;

/** Every mutation that is not public, with an input with which it would succeed. */
async function validOperations(): Promise<[name: string, ReturnType<typeof operationOf>][]> {
  const guarded = mutations.filter(({ name }) => !OWN.includes(name) && !PUBLIC_FIELDS.includes(`Mutation.${name}`));
  const operations: [string, ReturnType<typeof operationOf>][] = [];
  for (const field of guarded) {
    const { input } = await validCase(fixtures, field.name);
    operations.push([field.name, operationOf('Mutation', field, { input })]);
  }
  return operations;
}
const operations = await validOperations();

describe.each(Object.entries(PROGRAMS))('nothing else: the %s', (_name, { caller, work, reads, sees }) => {
  test('is refused by every other mutation, and changes nothing', async () => {
    // Attempts are counted also when they are refused, and the time of its last use is in the row of a token.
    const except = [...AUDIT_LOG, 'rate_limits', 'api_tokens'];
    const before = await allRows(api, except);
    const outcomes: Record<string, string> = {};
    for (const [name, operation] of operations.filter((each) => !work.includes(each[0]))) {
      const { errors, data } = await caller.query(...operation);
      const isRefused = errors?.some(({ extensions }: Json) => ['FORBIDDEN', 'NOT_FOUND'].includes(extensions.code));
      if (!isRefused) outcomes[name] = JSON.stringify(errors ?? data);
    }
    expect(outcomes).toEqual({});
    expect(await allRows(api, except)).toEqual(before);
    expect(operations.length).toBeGreaterThan(60);
  });

  test('can use these queries and no others', async () => {
    const readable: string[] = [];
    for (const field of queries.filter(({ name }) => !PUBLIC_FIELDS.includes(`Query.${name}`))) {
      const { errors } = await caller.query(...operationOf('Query', field));
      const isForbidden = errors?.some(({ extensions }: Json) => extensions.code === 'FORBIDDEN');
      if (!isForbidden) readable.push(field.name);
    }
    expect(readable.sort()).toEqual([...reads, ...OPEN].sort());
  });

  test('sees objects of these types and no others, and of the credentials only itself', async () => {
    const visible: string[] = [];
    for (const type of nodeTypes) {
      const { node } = await queryData(caller, 'query ($id: ID!) { node(id: $id) { id } }', {
        id: await fixtures.one(type),
      });
      if (node) visible.push(type);
    }
    expect(visible.sort()).toEqual([...sees].sort());
    const lists = await queryData(
      caller,
      '{ apiTokens { totalCount } sessions { totalCount } projects { totalCount } datasets { totalCount } }',
    );
    const totals = Object.entries<Json>(lists).map(([name, { totalCount }]) => [name, totalCount]);
    expect(Object.fromEntries(totals)).toEqual({ apiTokens: 1, sessions: 0, projects: 0, datasets: 0 });
  });
});
