import { and, eq } from 'drizzle-orm';
import { forbidden, permissionsOf, refusal, type Target, unrestricted } from '../../access/access.ts';
import { PERMISSIONS, type Permission } from '../../access/catalog.ts';
import { decide } from '../../access/decide.ts';
import { inOrganization, loadGrants } from '../../access/grants.ts';
import type { EffectiveGrants, Grants } from '../../access/model.ts';
import { isOwnerRole, OWNER } from '../../access/roles.ts';
import { type Context, db, setDryRun, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { Plan } from '../../lib/plans.ts';
import { organizations } from '../organization/table.ts';
import { assignments } from '../role/table.ts';
import { principals } from './table.ts';

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
  /** Whose access it may touch, asked under the lock; all principals when it is not told. */
  affected?: () => Promise<readonly string[]> | readonly string[];
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

type Everybody = Map<string, Grants>;

/**
 * The one way in which access changes. Changes of an organization go one after the other, the caller's grants are read
 * again under the lock, and what everybody gains and loses is computed by the engine that decides: nobody gives or
 * takes what they do not hold themselves at that place, and the last Owner stays.
 */
export async function changeAccess<Result>(ctx: Context, change: Change<Result>): Promise<Changed<Result>> {
  const own = change.by ?? ctx.unit.actor.principal?.id ?? '';
  await lockAccess(ctx);
  const affected = await change.affected?.();
  const wanted = affected && [...new Set([...affected, own])];
  const moments = await momentsOf(ctx, own);
  const before = await snapshots(ctx, moments, wanted);
  const holders = before.map((everybody) => holderOf(ctx, everybody.get(own), change.by !== undefined));
  if (change.permission) {
    const decision = decide(holders[0] ?? null, change.permission, change.target);
    if (!decision.allowed) throw forbidden(decision, change.target);
  }
  const result = await change.apply();
  const after = await snapshots(ctx, moments, wanted);
  for (const [at, holder] of holders.entries())
    requireWithin(holder, own, before[at] as Everybody, after[at] as Everybody);
  await requireOwner(ctx);
  if (change.dryRun) setDryRun(ctx);
  return { result, accessChanges: tell(ctx, before[0] as Everybody, after[0] as Everybody) };
}

/** A project that the caller cannot read does not exist for them. What they could have changed there is nothing. */
const tell = (ctx: Context, before: Everybody, after: Everybody): AccessDelta[] =>
  told(differences(before, after), before, after).filter(
    ({ projectId }) => projectId === null || ctx.unit.access.can('project:read', projectId),
  );

/** A moment, and whether what the plan freezes counts as held. */
interface Moment {
  time: Date;
  thawed: boolean;
}

export const END_OF_TIME = new Date(8_640_000_000_000_000);

/**
 * When a change is looked at: now, and whenever what was given could come to more by itself: when the caller's own role
 * has ended, when every role has, and each of it as if the plan had everything. Nobody lends beyond their own end.
 */
async function momentsOf(ctx: Context, own: string): Promise<Moment[]> {
  const now = ctx.dependencies.clock();
  const grants = (await loadGrants(await db(ctx), tenant(ctx), await lockAccess(ctx), now, [own])).get(own);
  const ends = grants && Number.isFinite(grants.validUntil) ? [new Date(grants.validUntil)] : [];
  const times = [now, ...ends, END_OF_TIME];
  return [{ time: now, thawed: false }, ...times.map((time) => ({ time, thawed: true }))];
}

async function snapshots(
  ctx: Context,
  moments: Moment[],
  principalIds: readonly string[] | undefined,
): Promise<Everybody[]> {
  const plan = await lockAccess(ctx);
  const tx = await db(ctx);
  const all: Everybody[] = [];
  for (const { time, thawed } of moments)
    all.push(await loadGrants(tx, tenant(ctx), thawed ? 'ENTERPRISE' : plan, time, principalIds));
  return all;
}

/** Throws NOT_HELD when somebody gains or loses what the holder does not hold there at that moment. */
function requireWithin(holder: EffectiveGrants | null, own: string, before: Everybody, after: Everybody): void {
  const elsewhere = [...(holder?.grants.projects.keys() ?? [])];
  for (const delta of differences(before, after)) {
    if (delta.principalId === own && delta.gained.length === 0) continue;
    requireHeld(holder, delta, elsewhere);
  }
  // An Owner is more than the sum of what it grants: it is never narrowed, and counts for the last one.
  for (const [id, { role }] of after)
    if (isOwnerRole(role) && !isOwnerOf(before.get(id)) && !isOwnerOf(holder?.grants))
      throw refusal('NOT_HELD', 'Only an Owner makes an Owner.', 'Ask an Owner.', 'organization:transfer');
}

const isOwnerOf = (grants: Grants | undefined): boolean => grants !== undefined && isOwnerRole(grants.role);

/** Of each principal in the organization and in the projects where they have a role; elsewhere it is as in the organization. */
const differences = (before: Everybody, after: Everybody): AccessDelta[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((id) => {
    const [had, has] = [before.get(id), after.get(id)];
    const one = (grants: Grants | undefined): Everybody => new Map(grants ? [[id, grants]] : []);
    return compare(one(had), one(has), placesOf([had, has].filter((grants) => grants !== undefined)));
  });

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

function holderOf(ctx: Context, grants: Grants | undefined, wholePrincipal: boolean): EffectiveGrants | null {
  if (!grants) return null;
  return wholePrincipal ? unrestricted(grants) : { grants, access: ctx.unit.actor.credential?.access ?? 'READ' };
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
  grants ? permissionsOf(unrestricted(grants), place) : [];

/** What changes in the organization changes in every project without a role, so also where the holder has less. */
function requireHeld(
  holder: EffectiveGrants | null,
  { projectId, gained, lost }: AccessDelta,
  elsewhere: string[],
): void {
  const lacks = (permission: Permission): boolean =>
    !decide(holder, permission, projectId).allowed ||
    (projectId === null &&
      PERMISSIONS.get(permission)?.level !== 'organization' &&
      elsewhere.some((place) => !decide(holder, permission, place).allowed));
  const missing = [...gained, ...lost].find(lacks);
  if (!missing) return;
  const where = projectId ? 'in a project' : 'in the organization';
  throw refusal(
    'NOT_HELD',
    `This would ${gained.includes(missing) ? 'give' : 'take'} ${missing} ${where}, now or when a role ends, which you do not hold yourself then.`,
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
    .where(and(eq(assignments.organizationId, tenant(ctx)), inOrganization, eq(assignments.builtInRoleId, OWNER.id)));
  if (!owners.some(({ expiresAt, userId }) => expiresAt === null && userId !== null))
    throw invalid(
      userError('LAST_OWNER', 'id', 'This is the last Owner of the organization; make somebody else Owner first.'),
    );
}
