import { eq } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { categories } from '../resources/category/table.ts';
import { checks } from '../resources/check/table.ts';
import { checkResults } from '../resources/check-result/table.ts';
import { filterPredicates, filters } from '../resources/filter/table.ts';
import { levels } from '../resources/level/table.ts';
import { lifecycles } from '../resources/lifecycle/table.ts';
import {
  serviceAliases,
  serviceDependencies,
  serviceLinks,
  services,
  serviceTags,
} from '../resources/service/table.ts';
import { teamAliases, teamContacts, teamMembers, teams } from '../resources/team/table.ts';
import { tiers } from '../resources/tier/table.ts';
import { CHECKS, FILTERS, SERVICES, TEAM_MEMBERS, TEAMS } from './demo-catalog.ts';

const DAY = 86_400_000;

/** Ids by name. */
type Ids = ReadonlyMap<string, string>;

const idsByName = (rows: readonly { id: string; name: string }[]): Ids =>
  new Map(rows.map(({ id, name }) => [name, id]));

const idIn = (ids: Ids, name: string): string => {
  const id = ids.get(name);
  if (!id) throw new Error(`the demo has no ${name}`);
  return id;
};

const aliasOf = (name: string): string => name.toLowerCase().replaceAll(' ', '-');

/** Short names of the lifecycle stages in the table of services. */
const LIFECYCLES: Record<string, string> = {
  alpha: 'Alpha',
  beta: 'Beta',
  ga: 'Generally available',
  eol: 'End of life',
};

/**
 * Adds teams, services, filters, checks of each type and results to a demo organization. `people` has the IDs of the members
 * by e-mail address. The first run of the job `evaluate-due` computes the other results and the levels.
 */
export async function createDemoServices(db: Db, organizationId: string, people: Ids, now: Date): Promise<void> {
  const own = { organizationId };
  const teamIds = await createTeams(db, organizationId, people);
  const [tierIds, lifecycleIds, levelIds, categoryIds] = (await Promise.all(
    [tiers, lifecycles, levels, categories].map(async (table) =>
      idsByName(
        await db.select({ id: table.id, name: table.name }).from(table).where(eq(table.organizationId, organizationId)),
      ),
    ),
  )) as [Ids, Ids, Ids, Ids];
  const serviceIds = idsByName(
    await db
      .insert(services)
      .values(
        SERVICES.map(({ name, team, tier, lifecycle, language, framework, days }) => ({
          ...own,
          name,
          description: lifecycle === 'alpha' ? null : `${name} of ${team || 'nobody yet'}.`,
          ownerId: team ? idIn(teamIds, team) : null,
          tierId: idIn(tierIds, `Tier ${tier}`),
          lifecycleId: idIn(lifecycleIds, LIFECYCLES[lifecycle] ?? ''),
          language,
          framework: framework || null,
          lastDeployAt: days === null ? null : new Date(now.getTime() - days * DAY),
          nextEvaluationAt: now,
        })),
      )
      .returning({ id: services.id, name: services.name }),
  );
  await createParts(db, organizationId, serviceIds);
  const filterIds = await createFilters(db, organizationId, tierIds, lifecycleIds);
  const manual = await createChecks(db, organizationId, { categoryIds, levelIds, filterIds });
  await createResults(db, organizationId, { serviceIds, manual, reporter: people.get('admin@acme.test') ?? null, now });
}

/** Creates the checks. Returns the IDs of those whose results are reported. */
async function createChecks(
  db: Db,
  organizationId: string,
  { categoryIds, levelIds, filterIds }: Record<'categoryIds' | 'levelIds' | 'filterIds', Ids>,
): Promise<string[]> {
  const checkRows = await db
    .insert(checks)
    .values(
      CHECKS.map(({ name, type, settings = {}, category, level, filter }) => ({
        organizationId,
        name,
        alias: aliasOf(name).replaceAll('-', '_').slice(0, 63),
        type,
        settings,
        categoryId: idIn(categoryIds, category),
        levelId: idIn(levelIds, level),
        filterId: filter ? idIn(filterIds, filter) : null,
        enabled: true,
        notes: `**${name}.** Ask the owning team how it is done.`,
      })),
    )
    .returning({ id: checks.id, type: checks.type });
  return checkRows.filter(({ type }) => type === 'MANUAL').map(({ id }) => id);
}

interface Reports {
  serviceIds: Ids;
  /** The IDs of the manual checks. */
  manual: readonly string[];
  reporter: string | null;
  now: Date;
}

/** Reports results of three of four manual checks for each service. Some have failed. */
async function createResults(db: Db, organizationId: string, { serviceIds, manual, reporter, now }: Reports) {
  await db.insert(checkResults).values(
    [...serviceIds.values()].flatMap((serviceId, at) =>
      manual
        .filter((_, index) => (at + index) % 4 !== 0)
        .map((checkId, index) => ({
          organizationId,
          serviceId,
          checkId,
          status: (at * 7 + index * 3) % 5 === 0 ? ('FAILED' as const) : ('PASSED' as const),
          message: 'Reviewed with the team.',
          reportedById: reporter,
          createdAt: new Date(now.getTime() - ((at * 3) % 60) * DAY),
          expiresAt: new Date(now.getTime() + (30 + at) * DAY),
        })),
    ),
  );
}

async function createTeams(db: Db, organizationId: string, people: Ids): Promise<Ids> {
  const own = { organizationId };
  const ids = new Map<string, string>();
  for (const [name, parent, address] of TEAMS) {
    const parentId = parent && idIn(ids, parent);
    const [team] = await db
      .insert(teams)
      .values({ ...own, name, parentId })
      .returning({ id: teams.id });
    const teamId = team?.id ?? '';
    ids.set(name, teamId);
    await db.insert(teamAliases).values({ ...own, teamId, alias: aliasOf(name) });
    if (address) await db.insert(teamContacts).values({ ...own, teamId, type: 'EMAIL', address, preferred: true });
  }
  await db.insert(teamMembers).values(
    TEAM_MEMBERS.map(([team, email, label]) => ({
      ...own,
      teamId: idIn(ids, team),
      principalId: idIn(people, email),
      label,
    })),
  );
  return ids;
}

/** Aliases, tags, links and dependencies of the services. Some have none, so that some checks fail. */
async function createParts(db: Db, organizationId: string, serviceIds: Ids): Promise<void> {
  const all = SERVICES.map((service, at) => ({
    ...service,
    at,
    own: { organizationId, serviceId: idIn(serviceIds, service.name) },
  }));
  await db.insert(serviceAliases).values(all.map(({ own, name }) => ({ ...own, alias: aliasOf(name) })));
  await db
    .insert(serviceTags)
    .values(
      all
        .filter(({ at }) => at % 6 !== 5)
        .flatMap(({ own, at }) => [
          { ...own, key: 'region', value: at % 3 === 0 ? 'eu-west' : 'eu-central' },
          ...(at % 3 === 0 ? [{ ...own, key: 'region', value: 'us-east' }] : []),
        ]),
    );
  await db.insert(serviceLinks).values(
    all.flatMap(({ own, name, tier, at }) => [
      ...(at % 7 === 6
        ? []
        : [
            {
              ...own,
              name: 'Dashboard',
              url: `https://dashboards.acme.test/${aliasOf(name)}`,
              category: 'dashboard',
            },
          ]),
      ...(tier < 3 && at % 4 !== 3
        ? [{ ...own, name: 'Runbook', url: `https://runbooks.acme.test/${aliasOf(name)}`, category: 'runbook' }]
        : []),
    ]),
  );
  await db
    .insert(serviceDependencies)
    .values(
      all.flatMap(({ own, dependsOn }) => dependsOn.map((name) => ({ ...own, dependsOnId: idIn(serviceIds, name) }))),
    );
}

async function createFilters(db: Db, organizationId: string, tierIds: Ids, lifecycleIds: Ids): Promise<Ids> {
  const own = { organizationId };
  const ids = new Map<string, string>();
  for (const { name, connective, predicates } of FILTERS) {
    const [filter] = await db
      .insert(filters)
      .values({ ...own, name, connective })
      .returning({ id: filters.id });
    const filterId = filter?.id ?? '';
    ids.set(name, filterId);
    await db.insert(filterPredicates).values(
      predicates.map(({ key, operator, value = null, tier, lifecycle, nested }, position) => ({
        ...own,
        filterId,
        position,
        key,
        operator,
        value,
        tierId: tier ? idIn(tierIds, tier) : null,
        lifecycleId: lifecycle ? idIn(lifecycleIds, lifecycle) : null,
        nestedId: nested ? idIn(ids, nested) : null,
      })),
    );
  }
  return ids;
}
