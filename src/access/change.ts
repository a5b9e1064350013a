import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../context.ts';
import { invalid, userError } from '../errors.ts';
import type { Plan } from '../plans.ts';
import { organizations } from '../resources/organization/table.ts';
import { principals } from '../resources/principal/table.ts';
import { assignments } from '../resources/role/table.ts';
import { forbidden, permissionsOf, refusal, type Target, wholly } from './access.ts';
import type { Permission } from './catalog.ts';
import { decide, type Grants, type Held } from './decide.ts';
import { inOrganization, loadGrants } from './grants.ts';
import { roleByKey } from './roles.ts';

/** What a change means to one principal in one place. */
export interface AccessDelta {
  principalId: string;
  /** Null for the organization, and for every project that is not told of this principal on its own. */
  projectId: string | null;
  gained: Permission[];
  lost: Permission[];
}

export interface Change<Result> {
  /** What the caller needs, asked again under the lock. Null for what is one's own. */
  permission: Permission | null;
  target?: Target;
  /** Whose access it may touch; all principals when it is not told. */
  affected?: readonly string[];
  /** Looks and rolls back. */
  dryRun: boolean;
  /** Whose holdings bound what may be given and taken; the caller's unless told. */
  by?: string;
  apply: () => Promise<Result>;
}

export interface Changed<Result> {
  result: Result;
  accessChanges: AccessDelta[];
}

/**
 * The one way in which access changes. Changes of an organization go one after the other, the caller's grants are read
 * again under the lock, and what everybody gains and loses is computed by the engine that decides: nobody gives or
 * takes what they do not hold themselves at that place, and the last Owner stays.
 */
export async function changeAccess<Result>(ctx: Context, change: Change<Result>): Promise<Changed<Result>> {
  const own = change.by ?? ctx.actor.principal?.id ?? '';
  const wanted = change.affected && [...new Set([...change.affected, own])];
  const before = await snapshot(ctx, wanted);
  const holder = holderOf(ctx, before.now.get(own), change.by !== undefined);
  if (change.permission) {
    const decision = decide(holder, change.permission, change.target);
    if (!decision.allowed) throw forbidden(decision, change.target);
  }
  const result = await change.apply();
  const after = await snapshot(ctx, wanted);
  const now = differences(before.now, after.now);
  const later = differences(before.later, after.later);
  for (const delta of [...now, ...later])
    if (delta.principalId !== own || delta.gained.length > 0) requireHeld(holder, delta);
  await requireOwner(ctx);
  if (change.dryRun) ctx.dryRun = true;
  // A project that the caller cannot read does not exist for them. What they could have changed there is nothing.
  const shown = told(now, before.now, after.now).filter(
    ({ projectId }) => projectId === null || ctx.access.can('project:read', projectId),
  );
  return { result, accessChanges: shown };
}

type Everybody = Map<string, Grants>;

/** When every role that ends has ended: what follows it is given as well, though nobody has it yet. */
const END_OF_TIME = new Date(8_640_000_000_000_000);

async function snapshot(
  ctx: Context,
  principalIds: readonly string[] | undefined,
): Promise<{ now: Everybody; later: Everybody }> {
  const plan = await lockAccess(ctx);
  const at = async (time: Date): Promise<Everybody> => loadGrants(await db(ctx), tenant(ctx), plan, time, principalIds);
  return { now: await at(ctx.parts.clock()), later: await at(END_OF_TIME) };
}

const differences = (before: Everybody, after: Everybody): AccessDelta[] =>
  compare(before, after, placesOf([...before.values(), ...after.values()]));

/** Locks the organization, whose version every change of access raises, and tells its plan. */
async function lockAccess(ctx: Context): Promise<Plan> {
  const [row] = await (await db(ctx))
    .select({ plan: organizations.plan })
    .from(organizations)
    .where(eq(organizations.id, tenant(ctx)))
    .for('update');
  if (!row) throw new Error('the organization is gone');
  return row.plan;
}

function holderOf(ctx: Context, grants: Grants | undefined, wholePrincipal: boolean): Held | null {
  if (!grants) return null;
  return wholePrincipal ? wholly(grants) : { grants, access: ctx.actor.credential?.access ?? 'READ' };
}

const placesOf = (all: Grants[]): Target[] => [null, ...new Set(all.flatMap((grants) => [...grants.projects.keys()]))];

/** Who gains and loses what, place by place. */
export function compare(before: Map<string, Grants>, after: Map<string, Grants>, places: Target[]): AccessDelta[] {
  const ids = [...new Set([...before.keys(), ...after.keys()])].sort();
  return ids.flatMap((principalId) =>
    places.flatMap((projectId) => {
      const had = new Set(permissionsOfGrants(before.get(principalId), projectId));
      const has = new Set(permissionsOfGrants(after.get(principalId), projectId));
      const [gained, lost] = [[...has.difference(had)], [...had.difference(has)]];
      return gained.length + lost.length > 0 ? [{ principalId, projectId, gained, lost }] : [];
    }),
  );
}

/**
 * What is told: of each principal the organization, and the projects where they have a role of their own. There nothing
 * may change while the organization does, which is told too; everywhere else it is as in the organization.
 */
export function told(
  everywhere: AccessDelta[],
  before: Map<string, Grants>,
  after: Map<string, Grants>,
): AccessDelta[] {
  const own = (principalId: string): Set<string> =>
    new Set([...(before.get(principalId)?.projects.keys() ?? []), ...(after.get(principalId)?.projects.keys() ?? [])]);
  return [...Map.groupBy(everywhere, (delta) => delta.principalId)].flatMap(([principalId, deltas]) => {
    const inOrganization = deltas.filter(({ projectId }) => projectId === null);
    const inProjects = [...own(principalId)].flatMap((projectId) => {
      const delta = deltas.find((candidate) => candidate.projectId === projectId);
      return delta ?? (inOrganization.length > 0 ? { principalId, projectId, gained: [], lost: [] } : []);
    });
    return [...inOrganization, ...inProjects];
  });
}

const permissionsOfGrants = (grants: Grants | undefined, place: Target): Permission[] =>
  grants ? permissionsOf(wholly(grants), place) : [];

function requireHeld(holder: Held | null, { projectId, gained, lost }: AccessDelta): void {
  const missing = [...gained, ...lost].find((permission) => !decide(holder, permission, projectId).allowed);
  if (!missing) return;
  const where = projectId ? 'in a project' : 'in the organization';
  throw refusal(
    'NOT_HELD',
    `This would ${gained.includes(missing) ? 'give' : 'take'} ${missing} ${where}, which you do not hold yourself.`,
    'Ask somebody who holds it.',
    missing,
  );
}

/** A member who is Owner without an end, at the least. */
async function requireOwner(ctx: Context): Promise<void> {
  const owners = await (await db(ctx))
    .select({ expiresAt: assignments.expiresAt, userId: principals.userId })
    .from(assignments)
    .innerJoin(
      principals,
      and(eq(principals.organizationId, assignments.organizationId), eq(principals.id, assignments.principalId)),
    )
    .where(
      and(
        eq(assignments.organizationId, tenant(ctx)),
        inOrganization,
        eq(assignments.builtInRoleId, roleByKey('owner').id),
      ),
    );
  if (!owners.some(({ expiresAt, userId }) => expiresAt === null && userId !== null))
    throw invalid(
      userError('LAST_OWNER', 'id', 'This is the last Owner of the organization; make somebody else Owner first.'),
    );
}
