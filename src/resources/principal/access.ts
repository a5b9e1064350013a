import { refusal } from '../../access/access.ts';
import { requireContains } from '../../access/escalation.ts';
import { loadGrants, loadRoles } from '../../access/grants.ts';
import type { Grants, Role } from '../../access/model.ts';
import { findBuiltIn } from '../../access/roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import type { TokenAccess } from '../api-token/table.ts';
import { END_OF_TIME } from './change-access.ts';

/** Custom roles of the organization: those with these ids, or all. */
export const findCustomRoles = async (ctx: Context, ids?: readonly string[]): Promise<Map<string, Role>> =>
  loadRoles(await db(ctx), tenant(ctx), ids);

/** A built-in role or a custom role of the organization. Null if there is none with this id. */
export const findAnyRole = async (ctx: Context, id: string): Promise<Role | null> =>
  findBuiltIn(id) ?? (await findCustomRoles(ctx, [id])).get(id) ?? null;

/** The current grants of these principals of the organization. Defaults to all principals. */
export const findGrants = async (ctx: Context, principalIds?: readonly string[]): Promise<Map<string, Grants>> =>
  loadGrants(
    await db(ctx),
    tenant(ctx),
    ctx.unit.access.effective?.grants.plan ?? 'FREE',
    ctx.dependencies.clock(),
    principalIds,
  );

/** Throws NOT_HELD unless the caller holds what the principal holds now and what it will hold when its role expires. */
export async function requireContainsPrincipal(
  ctx: Context,
  principalId: string,
  tokenAccess: TokenAccess,
  action: string,
): Promise<void> {
  for (const time of [ctx.dependencies.clock(), END_OF_TIME]) {
    const all = await loadGrants(await db(ctx), tenant(ctx), 'ENTERPRISE', time, [principalId]);
    const grants = all.get(principalId);
    if (grants) requireContains(ctx.unit.access, grants, tokenAccess, action);
  }
}

/** Throws SESSION_REQUIRED unless a person who signed in makes the request. An API token cannot act for a person here. */
export function requireSession(ctx: Context): { sessionId: string; userId: string } {
  const { credential, user } = ctx.unit.actor;
  if (credential?.kind !== 'SESSION' || !user)
    throw refusal('SESSION_REQUIRED', 'An API token cannot do this.', 'Sign in, and use the access token.');
  return { sessionId: credential.id, userId: user.id };
}
