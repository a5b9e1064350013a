import { eq } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { categories } from '../resources/category/table.ts';
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
import { FILTERS, SERVICES, TEAM_MEMBERS, TEAMS } from './demo-catalog.ts';

export const DAY = 86_400_000;

/** Ids by name. */
export type Ids = ReadonlyMap<string, string>;

export const idsByName = (rows: readonly { id: string; name: string }[]): Ids =>
  new Map(rows.map(({ id, name }) => [name, id]));

export const idIn = (ids: Ids, name: string): string => {
  const id = ids.get(name);
  if (!id) throw new Error(`the demo has no ${name}`);
  return id;
};

export const aliasOf = (name: string): string => name.toLowerCase().replaceAll(' ', '-');

/** Short names of the lifecycle stages in the table of services. */
const LIFECYCLES: Record<string, string> = {
  alpha: 'Alpha',
  beta: 'Beta',
  ga: 'Generally available',
  eol: 'End of life',
};

/** The objects of a demo organization by name. */
export interface DemoIds {
  readonly organizationId: string;
  readonly teamIds: Ids;
  readonly categoryIds: Ids;
  readonly levelIds: Ids;
  readonly filterIds: Ids;
  readonly serviceIds: Ids;
}

/** Adds teams, services and filters to a demo organization. `people` has the IDs of the members by e-mail address. */
export async function createDemoServices(db: Db, organizationId: string, people: Ids, now: Date): Promise<DemoIds> {
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
  return { organizationId, teamIds, categoryIds, levelIds, filterIds, serviceIds };
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
