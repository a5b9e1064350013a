import { type Context, db, tenant } from '../context.ts';
import { permissionsOf, refusal, type Target, wholly } from './access.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import { changeAccess, END_OF_TIME } from './change.ts';
import { decide, type Grants, type Held } from './decide.ts';
import { loadGrants, loadRoles } from './grants.ts';
import { complaintAbout, matching } from './pattern.ts';
import { compileRole, findBuiltIn, RESERVED_NAMES, ROLES, type Role, roleByKey } from './roles.ts';

/**
 * What resources ask of the access layer, which they do not import. Reads run in the request's transaction, so a
 * mutation sees what it has changed.
 */
export const engine = {
  builtIns: ROLES,
  findBuiltIn,
  reservedNames: RESERVED_NAMES,
  complaintAbout,
  matching,
  compileRole,
  changeAccess,
  decide,
  /** Only an Owner makes an Owner, and never by invitation. */
  isOwner: (role: Role): boolean => role.id === roleByKey('owner').id,

  /** A built-in role or a custom one of the organization; null when there is none. */
  async findRole(ctx: Context, id: string): Promise<Role | null> {
    return findBuiltIn(id) ?? (await engine.customRoles(ctx, [id])).get(id) ?? null;
  },
  customRoles: async (ctx: Context, ids?: readonly string[]): Promise<Map<string, Role>> =>
    loadRoles(await db(ctx), tenant(ctx), ids),

  /** What principals of the organization hold now; of all of them unless told. */
  grantsOf: async (ctx: Context, principalIds?: readonly string[]): Promise<Map<string, Grants>> =>
    loadGrants(await db(ctx), tenant(ctx), ctx.access.held?.grants.plan ?? 'FREE', ctx.parts.clock(), principalIds),

  /** Throws NOT_HELD unless the caller holds all of these in that place. */
  requireHeld(ctx: Context, permissions: Iterable<Permission>, target: Target, doing: string): void {
    // What is about the organization means nothing in a project, so it gives nothing there.
    const relevant = [...permissions].filter(
      (name) => target === null || PERMISSIONS.get(name)?.level !== 'organization',
    );
    const missing = relevant.find((permission) => !ctx.access.can(permission, target));
    if (missing)
      throw refusal(
        'NOT_HELD',
        `${doing} takes ${missing}, which you do not hold yourself.`,
        'Ask somebody who holds it.',
        missing,
      );
  },

  /**
   * Throws NOT_HELD unless the caller holds all that these grants give, so far as the token lets it through. What the
   * plan freezes counts: another plan would thaw it.
   */
  requireContains(ctx: Context, grants: Grants, access: Held['access'], doing: string): void {
    for (const place of placesOf(ctx, grants))
      engine.requireHeld(
        ctx,
        permissionsOf({ grants: { ...grants, plan: 'ENTERPRISE' }, access }, place),
        place,
        doing,
      );
  },
  /** The same for a principal: for what it holds now, and for what it will hold when its role has ended. */
  async requireContainsPrincipal(
    ctx: Context,
    principalId: string,
    access: Held['access'],
    doing: string,
  ): Promise<void> {
    for (const time of [ctx.parts.clock(), END_OF_TIME]) {
      const all = await loadGrants(await db(ctx), tenant(ctx), 'ENTERPRISE', time, [principalId]);
      const grants = all.get(principalId);
      if (grants) engine.requireContains(ctx, grants, access, doing);
    }
  },
  contains: (ctx: Context, grants: Grants): boolean =>
    placesOf(ctx, grants).every((place) =>
      permissionsOf(wholly(grants), place).every((name) => ctx.access.can(name, place)),
    ),
  wholly,

  /** What a person does for themselves, no token does for them. */
  requireSession(ctx: Context): void {
    if (ctx.actor.credential?.kind !== 'SESSION')
      throw refusal('SESSION_REQUIRED', 'An API token cannot do this.', 'Sign in, and use the access token.');
  },
};

/** Where the two could differ: in the organization, and wherever one of them has a project role. */
const placesOf = (ctx: Context, grants: Grants): Target[] => [
  ...new Set([null, ...grants.projects.keys(), ...(ctx.access.held?.grants.projects.keys() ?? [])]),
];

export type Engine = typeof engine;
