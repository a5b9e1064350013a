import { expect } from 'vitest';
import { decodeId, idAt, newId, toPublicId } from '../../src/lib/ids.ts';
import * as statements from '../decisions/support.ts';
import { giveProjectRole, ifOwned, projectRoleId } from '../decisions/support.ts';
import { organizationUuid, secretFor, unknownId } from '../enforcement/support.ts';
import {
  accountRows,
  commonPolicy,
  commonProject,
  memberRoles,
  memberRows,
  organizationRows,
  projectMemberRows,
  projectPolicies,
  READ_IN_PROJECT,
  sharedProject,
} from './access-rows.ts';
import type { Fixtures, Resource, Rows } from './resource.ts';
import {
  addMember,
  addToOrganization,
  createOrganization,
  createUser,
  mutate,
  PASSWORD,
  queryData,
  roleId,
  signIn,
} from './world.ts';

const DISTANT = '2999-01-01T00:00:00.000Z';
const LATER = '2100-01-01T00:00:00Z';
const TERM = { roleExpiresAt: DISTANT, fallbackRoleId: roleId('read') };
/** Statements as the API returns them. */
const allow = (...patterns: string[]) => ({ ...statements.allow(...patterns), ownedByPrincipal: false });
const deny = (...patterns: string[]) => ({ ...statements.deny(...patterns), ownedByPrincipal: false });
const STATEMENTS = [allow('dataset:*', '*:read')];

/** The object of this type that an object of type `user` refers to. */
async function usedBy(user: string, one: Fixtures['one'], type: string): Promise<string> {
  await one(user);
  return await one(type);
}

/** A custom role with a member in a project. */
async function roleInUse({ owner, one, make }: Fixtures): Promise<string> {
  const role = await make('Role');
  await giveProjectRole(owner, await one('Project'), await make('Member'), role);
  return role;
}

/** A check whose result can be reported, and a service. */
async function manualCheck({ owner, unique, one, make }: Fixtures) {
  const place = { category: { id: await one('Category') }, level: { id: await one('Level') } };
  const { check } = await mutate(owner, 'createCheck', { name: unique('Manual'), ...place }, 'check { id }');
  return { check: { id: check.id }, service: { id: await make('Service') } };
}

const STARTED = { startAt: '2001-01-01T00:00:00.000Z', targetAt: DISTANT };

async function startedCampaign({ owner, make }: Fixtures): Promise<string> {
  const id = await make('Campaign');
  await mutate(owner, 'scheduleCampaign', { id, ...STARTED });
  return id;
}

/** A campaign with a copy of a check. */
async function campaignWithCheck({ owner, make }: Fixtures) {
  const campaignId = await make('Campaign');
  const input = { campaignId, checks: [{ id: await make('Check') }] };
  return { campaignId, checks: (await mutate(owner, 'copyChecksToCampaign', input, 'checks { id }')).checks };
}

/** An alias that no service had when the suggestion was stored. */
async function suggestion(
  { api, organization, unique, one }: Fixtures,
  take: (alias: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const integration = decodeId(await one('Integration'))?.uuid as string;
  const alias = unique('suggested').toLowerCase();
  const id = newId();
  await api.root`insert into service_suggestions (organization_id, id, integration_id, alias, events, last_event_at)
    values (${organizationUuid(organization)}, ${id}, ${integration}, ${alias}, 1, ${DISTANT})`;
  await take(alias);
  return toPublicId('sug', id);
}

/** The root lists of categories and checks omit those of scorecards. */
const categoriesOfScorecards = ({ insert, refer, once }: Rows): Promise<string[]> =>
  once('categories of scorecards', async () => {
    const scorecards = await refer('Scorecard');
    return insert('categories', (at) => ({ name: `Number ${at} of a scorecard`, scorecard_id: scorecards[at] }));
  });

const credentialId = async (caller: Fixtures['owner']): Promise<string> =>
  (await queryData(caller, '{ viewer { credential { id } } }')).viewer.credential.id;

/** The Owner of another organization, with an invitation to this one. */
async function guest({ api, unique, make }: Fixtures) {
  const home = await createOrganization(api, unique('guest'));
  await make('Invitation', { emails: [home.owner.email] });
  return { home, caller: home.owner, input: { secret: secretFor(api, home.owner.email) } };
}

async function columnOf({ api }: Fixtures, table: string, column: string, id: string): Promise<string> {
  const [row] = await api.root`
    select ${api.root(column)} as value from ${api.root(table)} where id = ${decodeId(id)?.uuid ?? null}`;
  return row?.['value'] ?? 'none';
}

/** The columns of a token or key whose secret was rotated. */
const ROTATED = { previous_hint: 'efgh', previous_ends_at: DISTANT };

/**
 * The registry of resources for all generated tests. A new resource is one entry here. Names of mutations, fields,
 * lists and permissions are read from the schema.
 */
export const RESOURCES: Record<string, Resource> = {
  Category: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Category'), alias: unique('cost'), description: 'Cost.\nMoney.' },
      scorecardId: await one('Scorecard'),
    }),
    base: ({ unique }) => ({ name: unique('Category') }),
    updates: ({ unique }) => [
      { name: unique('Cost'), alias: unique('cost'), description: 'Money.\nTime.' },
      { name: unique('Costs'), alias: unique('costs'), description: 'Money.' },
    ],
    rejected: async ({ one }) => ({
      createCategory: [{ name: 'security' }, 'TAKEN'],
      deleteCategory: [{ id: await usedBy('Check', one, 'Category') }, 'IN_USE'],
    }),
    rows: async (rows) => [
      ...(await rows.insert('categories', (at) => ({ name: `Number ${at}` }))),
      ...(await categoriesOfScorecards(rows)),
    ],
  },
  Campaign: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Campaign'), brief: 'Why.\nHow.' },
      ...{ teamId: await one('Team'), filterId: await one('Filter') },
    }),
    updates: async ({ unique, one, make }) => [
      {
        ...{ name: unique('Upgrade'), brief: 'Why.\nHow.' },
        ...{ teamId: await one('Team'), filterId: await one('Filter') },
      },
      { name: unique('Move'), brief: 'How.', teamId: await make('Team'), filterId: await make('Filter') },
    ],
    cases: {
      scheduleCampaign: async ({ make }) => ({ input: { id: await make('Campaign'), ...STARTED } }),
      unscheduleCampaign: async (fixtures) => ({ input: { id: await startedCampaign(fixtures) } }),
      endCampaign: async (fixtures) => ({ input: { id: await startedCampaign(fixtures) } }),
      sendCampaignReminder: async (fixtures) => ({ input: { id: await startedCampaign(fixtures) } }),
      copyChecksToCampaign: async ({ make }) => {
        const campaignId = await make('Campaign');
        return {
          input: { campaignId, checks: [{ id: await make('Check') }] },
          event: { target_id: campaignId, related: expect.any(Array) },
        };
      },
      removeChecksFromCampaign: async (fixtures) => {
        const input = await campaignWithCheck(fixtures);
        return { input, event: { target_id: input.campaignId, related: expect.any(Array) } };
      },
    },
    rejected: async ({ one, make }) => ({
      createCampaign: [{ name: '', teamId: unknownId('fil') }, 'TOO_SHORT NOT_FOUND'],
      updateCampaign: [{ id: await one('Campaign'), filterId: unknownId('tea') }, 'NOT_FOUND'],
      deleteCampaign: null,
      scheduleCampaign: [{ id: await make('Campaign'), startAt: DISTANT, targetAt: DISTANT }, 'INVALID'],
      unscheduleCampaign: [{ id: await make('Campaign') }, 'NO_EFFECT'],
      endCampaign: [{ id: await make('Campaign') }, 'INVALID'],
      sendCampaignReminder: [{ id: await make('Campaign') }, 'INVALID'],
      copyChecksToCampaign: [
        { campaignId: await one('Campaign'), checks: [{ id: unknownId('chk') }] },
        'NOT_FOUND',
        await one('Campaign'),
      ],
      removeChecksFromCampaign: [
        { campaignId: await one('Campaign'), checks: [{ id: await one('Check') }] },
        'INVALID',
        await one('Campaign'),
      ],
    }),
    rows: async ({ insert, refer }) => {
      const [teams, filters] = [await refer('Team'), await refer('Filter')];
      const at = (days: number) => new Date(Date.UTC(2026, 0, 1) + days * 86_400_000);
      return insert('campaigns', (n) => ({
        ...{ name: `Campaign ${n}`, team_id: teams[n], filter_id: filters[n] },
        // Some have no start.
        ...(n % 3 > 0 ? { start_at: at(n), target_at: at(n + 10) } : { start_at: null, target_at: null }),
      }));
    },
  },
  Level: {
    create: ({ unique }) => ({
      name: unique('Level'),
      alias: unique('level'),
      description: 'Shines.\nRusts.',
      index: 0,
    }),
    updates: ({ unique }) => [
      { name: unique('Iron'), alias: unique('iron'), description: 'Rusts.\nSlowly.', index: 1 },
      { name: unique('Tin'), alias: unique('tin'), description: 'Bends.', index: 0 },
    ],
    rejected: async ({ one }) => ({
      createLevel: [{ name: 'Far', index: 99 }, 'INVALID'],
      updateLevel: [{ id: await one('Level'), index: -1 }, 'INVALID'],
      deleteLevel: [{ id: await usedBy('Check', one, 'Level') }, 'IN_USE'],
    }),
    // The levels of a new organization have the first indexes.
    rows: ({ insert }) => insert('levels', (at) => ({ name: `Number ${at}`, index: at + 100 })),
  },
  Check: {
    create: async ({ unique, one, owner }) => ({
      ...{
        name: unique('Check'),
        alias: unique('check'),
        notes: 'Kept.\nRead.',
        settings: { manual: { frequencyDays: 90, commentRequired: true } },
        passPending: true,
        enabled: false,
        enableOn: DISTANT,
      },
      ...{ categoryId: await one('Category'), levelId: await one('Level'), ownerId: owner.memberId },
      ...{ filterId: await one('Filter'), teamId: await one('Team') },
    }),
    updates: async ({ unique, one, make, owner }) => [
      {
        ...{ name: unique('Logs'), alias: unique('logs'), notes: 'Kept.\nRead.', enabled: false, enableOn: DISTANT },
        ...{ categoryId: await one('Category'), levelId: await one('Level'), ownerId: owner.memberId },
        ...{ filterId: await one('Filter'), teamId: await one('Team'), passPending: true },
        settings: { manual: { frequencyDays: 90, commentRequired: true } },
      },
      {
        ...{
          name: unique('Traces'),
          alias: unique('traces'),
          notes: 'Read.',
          enabled: true,
          enableOn: '2999-02-02T00:00:00.000Z',
        },
        ...{ categoryId: await make('Category'), levelId: await make('Level'), ownerId: await one('Member') },
        ...{ filterId: await make('Filter'), teamId: await make('Team'), passPending: false },
        settings: { manual: { frequencyDays: 30, commentRequired: false } },
      },
    ],
    alsoChanges: { enabled: ['enableOn'], enableOn: ['enabled'] },
    rejected: async ({ one }) => ({
      createCheck: [{ name: '', categoryId: unknownId('lvl'), levelId: await one('Level') }, 'TOO_SHORT NOT_FOUND'],
      updateCheck: [{ id: await one('Check'), categoryId: unknownId('cat') }, 'NOT_FOUND'],
    }),
    rows: async (rows) => {
      const { insert, refer } = rows;
      const [categories, levels, members] = [await refer('Category'), await refer('Level'), await refer('Member')];
      const [filters, teams] = [await refer('Filter'), await refer('Team')];
      const refers = (at: number) => ({
        ...{ category_id: categories[at], level_id: levels[at], owner_id: members[at] },
        ...{ filter_id: filters[at], team_id: teams[at] },
      });
      const check = (at: number) => ({ type: 'MANUAL', enabled: at % 2 === 0, ...refers(at) });
      const [category] = await categoriesOfScorecards(rows);
      await insert('checks', (at) => ({ ...check(at), name: `Check ${at} of a scorecard`, category_id: category }));
      const ids = await insert('checks', (at) => ({ ...check(at), name: `Check ${at}` }));
      const campaigns = await refer('Campaign');
      const copy = (at: number) => ({ campaign_id: campaigns[at], source_check_id: ids[at] });
      return [...ids, ...(await insert('checks', (at) => ({ ...check(at), ...copy(at), name: `Copy ${at}` })))];
    },
  },
  Scorecard: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Scorecard'), alias: unique('scorecard'), description: 'One.\nTwo.' },
      ...{ teamId: await one('Team'), filterId: await one('Filter') },
    }),
    updates: async ({ unique, one, make }) => [
      {
        ...{ name: unique('Ready'), alias: unique('ready'), description: 'One.\nTwo.' },
        ...{ teamId: await one('Team'), filterId: await one('Filter') },
      },
      {
        ...{ name: unique('Safe'), alias: unique('safe'), description: 'Two.' },
        ...{ teamId: await make('Team'), filterId: await make('Filter') },
      },
    ],
    rejected: async ({ one }) => ({
      createScorecard: [{ name: '', teamId: unknownId('fil') }, 'TOO_SHORT NOT_FOUND'],
      updateScorecard: [{ id: await one('Scorecard'), filterId: unknownId('tea') }, 'NOT_FOUND'],
      deleteScorecard: null,
    }),
    rows: async ({ insert, refer }) => {
      const [teams, filters] = [await refer('Team'), await refer('Filter')];
      return insert('scorecards', (at) => ({
        ...{ name: `Scorecard ${at}`, team_id: teams[at], filter_id: filters[at] },
      }));
    },
  },
  CheckResult: {
    obtain: async (fixtures) => {
      const input = { ...(await manualCheck(fixtures)), status: 'PASSED', message: 'Seen.\nTwice.' };
      return (await mutate(fixtures.owner, 'reportCheckResult', input, 'checkResult { id }')).checkResult.id;
    },
    cases: {
      reportCheckResult: async (fixtures) => ({
        input: { ...(await manualCheck(fixtures)), status: 'FAILED', message: 'Seen.' },
        event: { target_id: expect.stringMatching(/^chr_/) },
      }),
      runChecks: async ({ make }) => ({
        input: { service: { id: await make('Service') } },
        event: { target_id: expect.stringMatching(/^svc_/) },
      }),
    },
    rejected: async (fixtures) => ({
      reportCheckResult: [{ ...(await manualCheck(fixtures)), status: 'FAILED', message: '' }, 'TOO_SHORT'],
      runChecks: [{ service: { id: unknownId('svc') } }, 'NOT_FOUND'],
    }),
    rows: async ({ size, insert, of }) => {
      const [services, checks, members] = [await of('Service'), await of('Check'), await of('Member')];
      const integrations = await of('Integration');
      const reporter = (at: number) => (at === 1 ? integrations[at] : members[at]);
      const result = (at: number, service: string | undefined, check: string | undefined) => ({
        ...{ service_id: service, check_id: check, status: at % 2 ? 'PASSED' : 'FAILED', reported_by_id: reporter(at) },
        created_at: new Date(Date.UTC(2026, 0, 1) + at * 1_000),
      });
      // One service has several results in one check, of which only the last is not replaced.
      const replaced = (at: number) => ({ ...result(at, services[0], checks[0]), replaced_at: new Date() });
      await insert('check_results', replaced, Math.ceil(size / 2));
      return insert('check_results', (at) => result(at, services[at], checks[at]));
    },
  },
  Tier: {
    create: ({ unique }) => ({ name: unique('Tier'), alias: unique('tier'), description: 'One.\nTwo.', index: 0 }),
    updates: ({ unique }) => [
      { name: unique('First'), alias: unique('first'), description: 'One.\nTwo.', index: 1 },
      { name: unique('Second'), alias: unique('second'), description: 'Two.', index: 0 },
    ],
    rows: ({ insert }) => insert('tiers', (at) => ({ name: `Number ${at}`, index: at + 100 })),
  },
  Team: {
    create: async ({ unique, one, owner }) => ({
      ...{ name: unique('Team'), description: 'One.\nTwo.', aliases: [unique('team').toLowerCase()] },
      ...{ parentId: await one('Team'), managerId: owner.memberId },
      members: [{ principalId: await one('ServiceAccount'), label: 'Robot' }],
      contacts: [{ type: 'SLACK', address: '#team', preferred: true }],
      tags: [{ key: 'env', value: 'one' }],
    }),
    base: ({ unique }) => ({ name: unique('Team') }),
    updates: async ({ unique, make, one, owner }) => [
      {
        ...{ name: unique('Search'), description: 'One.\nTwo.' },
        ...{ parentId: await one('Team'), managerId: owner.memberId },
      },
      {
        ...{ name: unique('Pay'), description: 'Two.' },
        ...{ parentId: await make('Team'), managerId: await one('Member') },
      },
    ],
    rejected: async ({ one }) => ({
      createTeam: [{ name: '', managerId: unknownId('mem') }, 'TOO_SHORT NOT_FOUND'],
      updateTeam: [{ id: await one('Team'), parentId: await one('Team') }, 'INVALID'],
      deleteTeam: [{ id: await usedBy('Service', one, 'Team') }, 'IN_USE'],
    }),
    rows: async ({ organization, insert, refer, once }) => {
      const [members, parents] = [
        await refer('Member'),
        await once('parents of teams', () => insert('teams', (at) => ({ name: `Parent ${at}` }))),
      ];
      const ids = await insert('teams', (at) => ({
        name: `Team ${at}`,
        manager_id: members[at],
        parent_id: parents[at],
      }));
      await insert('team_aliases', (at) => ({ team_id: ids[at], alias: `team-${at}` }));
      await insert('team_members', (at) => ({ team_id: ids[at], principal_id: members[at], label: `Label ${at}` }));
      await insert('team_tags', (at) => ({ team_id: ids[at], key: 'env', value: `${organization.slug} ${at}` }));
      await insert('team_contacts', (at) => ({
        team_id: ids[at],
        type: 'SLACK',
        address: `#${at}`,
        preferred: at % 2 === 0,
      }));
      return ids;
    },
  },
  Service: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Service'), description: 'One.\nTwo.', aliases: [unique('service').toLowerCase()] },
      ...{ ownerId: await one('Team'), tierId: await one('Tier'), lifecycleId: await one('Lifecycle') },
      ...{ language: 'TypeScript', framework: 'Yoga', tags: [{ key: 'env', value: 'one' }] },
      links: [{ name: 'Runbook', url: 'https://acme.test/run', category: 'runbook' }],
      dependencies: [{ id: await one('Service') }],
      properties: [{ definition: { id: await one('PropertyDefinition') }, value: { port: 80 } }],
    }),
    base: async ({ unique, one }) => ({ name: unique('Service'), ownerId: await one('Team') }),
    updates: async ({ unique, one, make }) => [
      {
        ...{ name: unique('Search'), description: 'One.\nTwo.', language: 'Go', framework: 'Gin' },
        ...{ ownerId: await one('Team'), tierId: await one('Tier'), lifecycleId: await one('Lifecycle') },
        properties: [{ definition: { id: await one('PropertyDefinition') }, value: { port: 443 } }],
      },
      {
        ...{ name: unique('Pay'), description: 'Two.', language: 'Rust', framework: 'Axum' },
        ...{ ownerId: await make('Team'), tierId: await make('Tier'), lifecycleId: await make('Lifecycle') },
        properties: [{ definition: { id: await one('PropertyDefinition') }, value: { port: 8443 } }],
      },
    ],
    cases: {
      recordDeploy: async ({ make }) => ({
        input: { service: { id: await make('Service') }, version: 'v2', description: 'Faster.' },
        event: { target_id: expect.stringMatching(/^svc_/) },
      }),
      setServiceProperty: async ({ make }) => ({
        input: {
          service: { id: await make('Service') },
          definition: { id: await make('PropertyDefinition') },
          value: { port: 8443 },
        },
        event: { target_id: expect.stringMatching(/^svc_/) },
      }),
    },
    rejected: async ({ one }) => ({
      setServiceProperty: [
        {
          service: { id: await one('Service') },
          definition: { id: await one('PropertyDefinition') },
          value: { port: 'none' },
        },
        'INVALID',
        await one('Service'),
      ],
      createService: [{ name: '', tierId: unknownId('lif') }, 'TOO_SHORT NOT_FOUND'],
      updateService: [{ id: await one('Service'), name: null }, 'REQUIRED'],
      recordDeploy: [{ service: { id: await one('Service') }, deployedAt: DISTANT }, 'INVALID', await one('Service')],
    }),
    rows: async ({ insert, of, refer }) => {
      const [teams, tiers] = [await refer('Team'), await refer('Tier')];
      const [lifecycles, levels] = [await refer('Lifecycle'), await refer('Level')];
      const refers = (at: number) => ({
        ...{ owner_id: teams[at], tier_id: tiers[at], lifecycle_id: lifecycles[at], level_id: levels[at] },
      });
      const texts = (at: number) => ({ language: at % 2 ? 'Go' : 'Rust', framework: at % 2 ? 'Gin' : null });
      const ids = await insert('services', (at) => ({ name: `Service ${at}`, ...refers(at), ...texts(at) }));
      await insert('service_aliases', (at) => ({ service_id: ids[at], alias: `service-${at}` }));
      await insert('service_tags', (at) => ({ service_id: ids[at], key: 'env', value: `${at}` }));
      const definitions = await of('PropertyDefinition');
      await insert('service_properties', (at) => ({
        ...{ service_id: ids[at], definition_id: definitions[at], value: `${at}` },
      }));
      await insert('service_links', (at) => ({ service_id: ids[at], name: `Link ${at}`, url: 'https://acme.test/' }));
      await insert('service_dependencies', (at) => ({ service_id: ids[0], depends_on_id: ids[at] }));
      const scorecards = await of('Scorecard');
      const shared = (at: number): number => (at % 2 ? 0 : at);
      await insert('scorecard_levels', (at) => ({
        ...{ service_id: ids[at], scorecard_id: scorecards[shared(at)], level_id: levels[shared(at)] },
      }));
      const others = ids.slice(1);
      if (others.length > 0)
        await insert(
          'service_dependencies',
          (at) => ({ service_id: others[at], depends_on_id: ids[0] }),
          others.length,
        );
      return ids;
    },
  },
  Lifecycle: {
    create: ({ unique }) => ({
      name: unique('Lifecycle'),
      alias: unique('lifecycle'),
      description: 'One.\nTwo.',
      index: 0,
    }),
    updates: ({ unique }) => [
      { name: unique('First'), alias: unique('first'), description: 'One.\nTwo.', index: 1 },
      { name: unique('Second'), alias: unique('second'), description: 'Two.', index: 0 },
    ],
    rows: ({ insert }) => insert('lifecycles', (at) => ({ name: `Number ${at}`, index: at + 100 })),
  },
  PropertyDefinition: {
    create: ({ unique }) => ({
      ...{ name: unique('Property'), alias: unique('property'), description: 'One.\nTwo.' },
      schema: { type: 'object', properties: { port: { type: 'integer', maximum: 65_535 } } },
    }),
    updates: ({ unique }) => [
      {
        ...{ name: unique('Port'), alias: unique('port'), description: 'Listens.\nAlways.' },
        schema: { type: ['integer', 'null'] },
      },
      {
        ...{ name: unique('Region'), alias: unique('region'), description: 'Runs there.' },
        schema: { enum: ['eu', 'us'], title: 'Region' },
      },
    ],
    rejected: async ({ one }) => ({
      createPropertyDefinition: [{ name: 'Port', schema: { type: 'port' } }, 'INVALID'],
      updatePropertyDefinition: [{ id: await one('PropertyDefinition'), schema: { pattern: '(?=a)' } }, 'INVALID'],
    }),
    rows: ({ insert }) => insert('property_definitions', (at) => ({ name: `Property ${at}`, schema: '{}' })),
  },
  Filter: {
    create: ({ unique }) => ({
      ...{ name: unique('Filter'), description: 'One.\nTwo.', connective: 'OR' },
      predicates: [{ key: 'TAG', keyData: 'env', operator: 'EQUALS', value: 'prod', caseSensitive: true }],
    }),
    updates: async ({ unique, one }) => [
      {
        ...{ name: unique('Go'), description: 'One.\nTwo.', connective: 'OR' },
        predicates: [{ key: 'TAG', keyData: 'lang', operator: 'CONTAINS', value: 'go', caseSensitive: false }],
      },
      {
        ...{ name: unique('Critical'), description: 'Two.', connective: 'AND' },
        predicates: [
          { key: 'TAG', keyData: 'lang', operator: 'EXISTS', value: null, caseSensitive: true },
          { key: 'TIER', keyData: null, operator: 'EQUALS', value: await one('Tier'), caseSensitive: false },
        ],
      },
    ],
    rejected: async ({ one, make, owner }) => {
      const inner = await make('Filter');
      const predicates = [{ key: 'FILTER', operator: 'MATCHES', value: inner }];
      await mutate(owner, 'createFilter', { name: `Around ${inner}`, predicates });
      return {
        createFilter: [{ name: '', predicates: [{ key: 'NAME', operator: 'EXISTS' }] }, 'TOO_SHORT INVALID'],
        updateFilter: [{ id: await one('Filter'), name: null }, 'REQUIRED'],
        deleteFilter: [{ id: inner }, 'IN_USE'],
      };
    },
    rows: async ({ insert, refer }) => {
      const tiers = await refer('Tier');
      const ids = await insert('filters', (at) => ({ name: `Filter ${at}`, connective: 'AND' }));
      const rule = { position: 0, key: 'TIER', operator: 'EQUALS', case_sensitive: false };
      await insert('filter_predicates', (at) => ({ filter_id: ids[at], ...rule, tier_id: tiers[at] }));
      return ids;
    },
  },
  Dataset: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Dataset'), description: 'One.\nTwo.' },
      projectId: await one('Project'),
    }),
    updates: ({ unique }) => [
      { name: unique('Golden'), description: 'One.\nTwo.' },
      { name: unique('Silver'), description: 'Two.' },
    ],
    rows: async ({ insert, refer }) => {
      const projects = await refer('Project');
      return insert('datasets', (at) => ({ name: `Dataset ${at}`, project_id: projects[at] }));
    },
  },
  Rubric: {
    obtain: async ({ owner }) => (await queryData(owner, '{ rubric { id } }')).rubric.id,
    updates: ({ unique }) => [
      { name: unique('Maturity'), description: 'To be mature.\nAll of it.' },
      { name: unique('Quality'), description: 'To be good.' },
    ],
    rejected: async () => ({ updateRubric: [{ name: 'x'.repeat(101) }, 'TOO_LONG'] }),
    rows: async ({ api, organizationUuid: id }) =>
      (await api.root`select id from rubrics where organization_id = ${id}`).map((row) => row['id'] as string),
  },
  Project: {
    create: ({ unique }) => ({ key: unique('project'), name: unique('Project'), description: 'One.\nTwo.' }),
    updates: ({ unique }) => [
      { key: unique('app'), name: 'App', description: 'One.\nTwo.' },
      { key: unique('APP'), name: 'App & Co', description: 'Two.' },
    ],
    confirm: async (fixtures, id) => ({ key: await columnOf(fixtures, 'projects', 'key', id) }),
    rejected: async ({ one }) => ({
      createProject: [{ key: 'not a key', name: '' }, 'INVALID TOO_SHORT'],
      updateProject: [{ id: await one('Project'), key: null }, 'REQUIRED'],
      deleteProject: [{ id: await one('Project'), key: 'another' }, 'MISMATCH'],
    }),
    rows: ({ insert }) => insert('projects', (at) => ({ key: `own-${at}`, name: `Own ${at}` })),
    parent: sharedProject,
  },
  ProjectMember: {
    create: async ({ make }) => ({
      ...{ projectId: await make('Project'), principalId: await make('Member') },
      roleId: projectRoleId('read'),
    }),
    base: async ({ one, make }) => ({
      ...{ projectId: await one('Project'), principalId: await make('Member') },
      roleId: projectRoleId('member'),
    }),
    updates: () => [{ roleId: projectRoleId('read') }, { roleId: projectRoleId('manager') }],
    rejected: async ({ one, make }) => ({
      createProjectMember: [
        { projectId: await one('Project'), principalId: unknownId('mem'), noAccess: true },
        'NOT_FOUND',
      ],
      updateProjectMember: [{ id: await make('ProjectMember'), roleId: roleId('read') }, 'INVALID'],
    }),
    rows: projectMemberRows,
  },
  Policy: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Policy'), description: 'Data.\nSets.', statements: STATEMENTS },
      projectId: await one('Project'),
    }),
    base: ({ unique }) => ({ name: unique('Policy'), statements: [allow('dataset:read')] }),
    updates: ({ unique }) => [
      {
        name: unique('Data'),
        description: 'Sets.\nData.',
        statements: [allow('dataset:*'), ifOwned(deny('service:update'))],
      },
      { name: unique('Sets'), description: 'More.', statements: [deny('*:delete'), allow('*'), allow('*')] },
    ],
    rejected: async ({ one }) => ({
      createPolicy: [{ name: '', statements: STATEMENTS }, 'TOO_SHORT'],
      updatePolicy: [{ id: await one('Policy'), statements: [allow('datasets:*')] }, 'INVALID'],
      deletePolicy: [{ id: await usedBy('Role', one, 'Policy') }, 'IN_USE'],
    }),
    rows: async (rows) => (await projectPolicies(rows)).policies,
    parent: commonPolicy,
  },
  Role: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Role'), description: 'Annotates.\nReads.' },
      ...{ projectId: await one('Project'), policyIds: [await one('Policy')] },
      statements: [allow('trace:read')],
    }),
    base: async ({ unique, one }) => ({ name: unique('Role'), policyIds: [await one('Policy')] }),
    updates: async ({ unique, make }) => {
      const policies = [await make('Policy'), await make('Policy')];
      return [
        {
          name: unique('Reader'),
          description: 'Reads.\nWrites.',
          policyIds: policies.slice(1),
          statements: [allow('dataset:read')],
        },
        {
          name: unique('Writer'),
          description: 'Writes.',
          policyIds: policies,
          statements: [ifOwned(allow('service:read', 'service:update'))],
        },
      ];
    },
    cases: {
      deleteRole: async (fixtures) => ({
        input: { id: await roleInUse(fixtures), reassignTo: await fixtures.make('Role') },
      }),
    },
    rejected: async (fixtures) => ({
      createRole: [{ name: 'owner', policyIds: [await fixtures.one('Policy')] }, 'TAKEN'],
      updateRole: [{ id: await fixtures.one('Role'), policyIds: [] }, 'REQUIRED'],
      deleteRole: [{ id: await roleInUse(fixtures) }, 'IN_USE'],
    }),
    rows: async (rows) => (await projectPolicies(rows)).roles,
    parent: async (rows) => {
      await commonProject(rows);
      return READ_IN_PROJECT;
    },
  },
  ServiceAccount: {
    create: ({ unique }) => ({ name: unique('Robot'), description: 'Builds.\nRuns.', roleId: roleId('user'), ...TERM }),
    base: ({ unique }) => ({ name: unique('Robot'), roleId: roleId('user') }),
    updates: ({ unique }) => [
      { name: unique('Bot'), description: 'Builds.\nRuns.', roleId: roleId('user'), ...TERM },
      { name: unique('Builder'), description: 'Deploys.', roleId: roleId('write'), ...TERM },
    ],
    rejected: async ({ one }) => ({
      createServiceAccount: [{ name: 'Robot', roleId: projectRoleId('member') }, 'INVALID'],
      updateServiceAccount: [{ id: await one('ServiceAccount'), roleId: null }, 'REQUIRED'],
    }),
    rows: accountRows,
  },
  Member: {
    obtain: async ({ api, organization, unique }) => {
      const email = `${unique('member')}@${organization.slug}.test`;
      await createUser(api, email, 'A member');
      await addToOrganization(api, organization, { email }, 'user');
      const [row] = await api.root`
        select p.id from principals p join users u on u.id = p.user_id where u.email = ${email}`;
      return toPublicId('mem', row?.['id']);
    },
    updates: () => [
      { roleId: roleId('user'), ...TERM },
      { roleId: roleId('write'), ...TERM },
    ],
    cases: {
      leaveOrganization: async ({ api, organization, unique }) => {
        const caller = await addMember(api, organization, 'user', unique('leaver'));
        return { caller, input: {}, event: { role: 'User', target_id: caller.memberId, after: null } };
      },
      signOutMember: async ({ api, organization, unique }) => ({
        input: { memberId: (await addMember(api, organization, 'user', unique('user'))).memberId },
      }),
      transferOwnership: async ({ api, unique }) => {
        const home = await createOrganization(api, unique('transfer'));
        return {
          home,
          caller: home.owner,
          input: { memberId: (await addMember(api, home, 'user', 'successor')).memberId },
        };
      },
    },
    rejected: async ({ owner }) => ({
      updateMember: [{ id: owner.memberId, roleId: roleId('read') }, 'LAST_OWNER'],
      deleteMember: [{ id: owner.memberId }, 'LAST_OWNER'],
      leaveOrganization: [{}, 'LAST_OWNER', owner.memberId],
      signOutMember: null,
      transferOwnership: [{ memberId: owner.memberId }, 'INVALID', owner.memberId],
    }),
    rows: memberRows,
  },
  Invitation: {
    create: async ({ unique, one }) => ({
      ...{ emails: [`${unique('new')}@elsewhere.test`], roleId: roleId('user') },
      projectRoles: [{ projectId: await one('Project'), roleId: projectRoleId('member') }],
    }),
    base: ({ unique }) => ({ emails: [`${unique('new')}@elsewhere.test`], roleId: roleId('user') }),
    cases: {
      // The event is in the log of the joined organization, with the actor's role there.
      acceptInvitation: async (fixtures) => ({
        ...(await guest(fixtures)),
        event: {
          ...{ organization_id: organizationUuid(fixtures.organization), role: 'User' },
          principal_id: expect.any(String),
          target_id: expect.stringMatching(/^mem_/),
        },
      }),
      // The event is in the log of the inviting organization, without the actor's role elsewhere.
      declineInvitation: async (fixtures) => ({
        ...(await guest(fixtures)),
        event: {
          ...{ organization_id: organizationUuid(fixtures.organization), role: null },
          ...{ actor_kind: 'USER', principal_id: null },
          target_id: expect.stringMatching(/^inv_/),
        },
      }),
      resendInvitation: async ({ make }) => ({ input: { id: await make('Invitation') } }),
    },
    rejected: async ({ owner }) => ({
      createInvitations: [{ emails: [owner.email], roleId: roleId('user') }, 'TAKEN'],
      acceptInvitation: [{ secret: 'made up' }, 'NOT_FOUND'],
      declineInvitation: [{ secret: 'made up' }, 'NOT_FOUND'],
      resendInvitation: null,
    }),
    rows: async (rows) => {
      const { organization, insert, of } = rows;
      const [members, projects, roles] = [await of('Member'), await of('Project'), await of('Role')];
      const { roles: offered } = await memberRoles(rows);
      const shared = await sharedProject(rows);
      return insert('invitations', (at) => ({
        ...{ email: `guest-${at}@${organization.slug}.test`, hash: `invitation ${at}`, expires_at: LATER },
        ...{ inviter_id: members[at], role_id: offered[at] },
        project_roles: [
          { projectId: projects[at], roleId: roles[at] },
          { projectId: shared, roleId: READ_IN_PROJECT },
        ],
      }));
    },
  },
  Integration: {
    create: ({ unique }) => ({ name: unique('Integration'), type: 'CUSTOM_EVENT', enabled: false }),
    base: ({ unique }) => ({ name: unique('Integration'), type: 'CUSTOM_EVENT' }),
    updates: ({ unique }) => [
      { name: unique('Deploys'), enabled: false },
      { name: unique('Events'), enabled: true },
    ],
    cases: {
      rotateIntegrationSecret: async ({ make }) => ({ input: { id: await make('Integration') } }),
    },
    rejected: async () => ({ rotateIntegrationSecret: null }),
    rows: async ({ organization, insert }) => {
      const ids = await insert('integrations', (at) => ({
        ...{ name: `Number ${at}`, type: 'DEPLOY', hash: `integration ${organization.slug} ${at}`, hint: 'abcd' },
        last_event_at: DISTANT,
      }));
      await insert('integration_events', (at) => ({
        ...{ integration_id: ids[at], payload: `{"of":"${organization.slug} ${at}"}`, size: 10 },
        ...{ status: at % 2 === 0 ? 'PROCESSED' : 'QUEUED', error: 'No service has the alias.', processed_at: DISTANT },
      }));
      return ids;
    },
  },
  ServiceSuggestion: {
    obtain: suggestion,
    cases: {
      acceptServiceSuggestion: async (fixtures) => {
        const service = await fixtures.make('Service');
        return { input: { suggestionId: await suggestion(fixtures), service: { id: service } } };
      },
      acceptServiceSuggestionAsNewService: async (fixtures) => ({
        input: {
          suggestionId: await suggestion(fixtures),
          ...{ name: fixtures.unique('Suggested'), ownerId: await fixtures.one('Team') },
        },
      }),
      dismissServiceSuggestion: async (fixtures) => ({ input: { id: await suggestion(fixtures) } }),
    },
    rejected: async (fixtures) => {
      const taken = await suggestion(fixtures, async (alias) => void (await fixtures.make('Service', { name: alias })));
      const service = await fixtures.make('Service');
      return {
        acceptServiceSuggestion: [{ suggestionId: taken, service: { id: service } }, 'TAKEN', service],
        acceptServiceSuggestionAsNewService: [{ suggestionId: taken, name: '' }, 'TOO_SHORT'],
        dismissServiceSuggestion: null,
      };
    },
    rows: async ({ insert, of }) => {
      const integrations = await of('Integration');
      return insert('service_suggestions', (at) => ({
        ...{ integration_id: integrations[at], alias: `number-${at}`, events: at + 1, last_event_at: DISTANT },
        dismissed_at: at % 2 === 0 ? DISTANT : null,
      }));
    },
  },
  ApiKey: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Key'), projectId: await one('Project'), expiresAt: DISTANT },
      ...{ permissions: ['dataset:*', '*:read'], addresses: ['10.0.0.0/8', '::/0'] },
    }),
    base: async ({ unique, one }) => ({ name: unique('Key'), projectId: await one('Project'), preset: 'SDK' }),
    updates: ({ unique }) => [
      { name: unique('Import'), permissions: ['dataset:*'], addresses: ['10.0.0.0/8'], expiresAt: DISTANT },
      { name: unique('Export'), permissions: ['*:read'], addresses: ['::/0'], expiresAt: '2999-02-02T00:00:00.000Z' },
    ],
    alsoChanges: { permissions: ['access', 'effectivePermissions', 'preset'] },
    cases: {
      rotateApiKey: async ({ make }) => ({ input: { id: await make('ApiKey'), graceSeconds: 60 } }),
    },
    rejected: async ({ one }) => ({
      rotateApiKey: [{ id: await one('ApiKey'), graceSeconds: -1 }, 'INVALID'],
    }),
    rows: async ({ organization, insert, refer }) => {
      const [projects, members] = [await refer('Project'), await refer('Member')];
      const key = { access: 'READ', permissions: ['dataset:read'], hint: 'abcd', ...ROTATED };
      return insert('api_tokens', (at) => ({
        ...{
          ...key,
          previous_hash: `previous key ${organization.slug} ${at}`,
          name: `Key ${at}`,
          hash: `key ${organization.slug} ${at}`,
        },
        ...{ project_id: projects[at], created_by_id: members[at], preset: at % 2 === 0 ? 'SDK' : null },
      }));
    },
  },
  ApiToken: {
    create: async ({ unique, one }) => ({
      ...{ name: unique('Deploy'), access: 'WRITE', expiresAt: DISTANT },
      ...{ permissions: ['dataset:*', '*:read'], addresses: ['10.0.0.0/8', '::/0'] },
      ...{ serviceAccountId: await one('ServiceAccount'), projectIds: [await one('Project')] },
    }),
    base: ({ unique }) => ({ name: unique('Token') }),
    cases: {
      rotateApiToken: async ({ make }) => ({ input: { id: await make('ApiToken'), graceSeconds: 60 } }),
    },
    rejected: async ({ one }) => ({
      createApiToken: [{ name: '', expiresAt: '2001-01-01T00:00:00Z' }, 'TOO_SHORT'],
      rotateApiToken: [{ id: await one('ApiToken'), graceSeconds: -1 }, 'INVALID'],
    }),
    rows: async ({ organization, insert, refer }) => {
      const [members, accounts] = [await refer('Member'), await refer('ServiceAccount')];
      const projects = await refer('Project');
      const token = { name: 'A token', access: 'READ' };
      const hash = (at: number): string => `${organization.slug} ${at}`;
      const makers = await insert('api_tokens', (at) => ({
        ...{ ...token, hash: `account ${hash(at)}`, principal_id: accounts[at] },
      }));
      return insert('api_tokens', (at) => ({
        ...{ ...token, hash: `member ${hash(at)}`, principal_id: members[at], created_by_id: members[at] },
        ...{ created_with_id: makers[at], project_ids: [projects[at]] },
        ...{ ...ROTATED, previous_hash: `previous ${hash(at)}` },
      }));
    },
  },
  Session: {
    obtain: async ({ api, owner }) => credentialId(await signIn(api, owner.email)),
    cases: {
      refreshSession: async ({ api, owner }) => ({
        input: { refreshToken: (await signIn(api, owner.email)).refreshToken },
      }),
      signIn: async ({ owner }) => ({ input: { email: owner.email, password: PASSWORD } }),
      signOut: async ({ api, owner }) => ({ caller: await signIn(api, owner.email), input: {} }),
      signUp: async ({ unique }) => ({
        input: { email: `${unique('new')}@elsewhere.test`, password: PASSWORD, name: 'New' },
      }),
    },
    rejected: async ({ api, organization, owner, unique }) => {
      const user = await addMember(api, organization, 'user', unique('user'));
      return {
        refreshSession: [{ refreshToken: 'made up' }, 'WRONG_CREDENTIALS'],
        signIn: [{ email: user.email, password: 'wrong' }, 'WRONG_CREDENTIALS', user.memberId],
        signOut: null,
        signUp: [{ email: owner.email, password: PASSWORD, name: 'Again' }, 'TAKEN'],
      };
    },
    rows: async ({ insert, of }) => {
      const users = await of('User');
      return insert('sessions', (at) => ({ user_id: users[at], address: 'here', expires_at: LATER }));
    },
  },
  User: {
    obtain: ({ owner }) => owner.userId,
    rows: ({ organization: { slug }, insert }) =>
      insert('users', (at) => ({ name: `User ${at}`, email: `${at}@${slug}.test` })),
  },
  AuditEvent: {
    obtain: async ({ owner }) =>
      (await queryData(owner, '{ auditEvents(first: 1) { nodes { id } } }')).auditEvents.nodes[0].id,
    rows: async ({ organization: { slug }, insert, of, refer, repeat }) => {
      const [users, members] = [await refer('User'), await refer('Member')];
      const keys = repeat(await of('User'));
      return insert('audit_events', (at) => ({
        ...{
          // Events with one time would all be on one side of a time.
          id: idAt(new Date(Date.now() - at * 1000)),
          action: `action ${keys[at]}`,
          outcome: 'ALLOWED',
          actor: `${at}@${slug}.test`,
          ...{ actor_kind: 'MEMBER', user_id: users[at], principal_id: members[at] },
          target_id: `none ${at % 2}`,
          related: JSON.stringify([{ targetId: `none ${at % 2}`, before: null, after: null }]),
        },
        ...{ credential_kind: 'NONE', request_id: `request ${keys[at]}`, address: 'here' },
      }));
    },
  },
  Organization: {
    create: ({ unique }) => ({ name: 'Other', slug: unique('other') }),
    obtain: ({ organization }) => organization.id,
    updates: ({ organization, unique }) => [
      { name: unique('Acme'), slug: organization.slug, apiTokenMaxDays: 365 },
      { name: 'Acme & Co', slug: unique('acme-co'), apiTokenMaxDays: null },
    ],
    confirm: async (fixtures, id) => ({ slug: await columnOf(fixtures, 'organizations', 'slug', id) }),
    cases: {
      deleteOrganization: async ({ api, unique }) => {
        const doomed = await createOrganization(api, unique('doomed'));
        return { caller: doomed.owner, home: doomed, input: { id: doomed.id, slug: doomed.slug } };
      },
      switchOrganization: async ({ api, owner, organization }) => ({
        caller: await signIn(api, owner.email),
        input: { organizationId: organization.id },
      }),
      updateBillingContact: async ({ unique, organization }) => ({
        input: { email: `${unique('billing')}@acme.test` },
        event: { target_id: organization.id },
      }),
      updatePlan: async ({ owner, organization }) => {
        const { plan } = await queryData(owner, '{ plan { name } }');
        return { input: { plan: plan.name === 'TEAM' ? 'ENTERPRISE' : 'TEAM' }, event: { target_id: organization.id } };
      },
    },
    rejected: async ({ organization: { id, slug } }) => ({
      createOrganization: [{ name: 'Acme', slug }, 'TAKEN'],
      updateOrganization: [{ id, slug: 'Not a slug' }, 'INVALID'],
      deleteOrganization: [{ id, slug: 'globex' }, 'MISMATCH'],
      switchOrganization: [{ organizationId: unknownId('org') }, 'NOT_FOUND'],
      updateBillingContact: [{ email: 'nobody' }, 'INVALID'],
      updatePlan: null,
    }),
    rows: organizationRows,
  },
};
