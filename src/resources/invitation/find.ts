import { findBuiltIn } from '../../access/roles.ts';
import type { Context } from '../../context.ts';
import { findInvitationAcrossTenants, type InvitationSecret } from '../../identity/across-tenants.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { networkOf } from '../../lib/network.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';

/** The part of an invitation that is visible to everybody who has its secret. */
export interface InvitationOffer {
  organizationName: string;
  email: string;
  roleName: string;
  projectRoles: { projectName: string; roleName: string }[];
  expiresAt: Date;
}

/**
 * The same error for a secret that is unknown, used, revoked, expired or another person's, and for an invitation that is
 * invalid because a role or project was deleted or the inviter no longer has its permissions.
 */
export const noInvitation = (field = 'secret'): AmbitError =>
  invalid(
    userError(
      'NOT_FOUND',
      field,
      `${field}: the invitation does not exist, has ended, or was sent to another address. Ask for a new one.`,
    ),
  );

/** The valid invitation with this secret. Counts as an attempt of the network, also if it succeeds. A malformed secret is not looked up. */
export async function findBySecret(ctx: Context, secret: string): Promise<InvitationSecret | null> {
  await ctx.dependencies.identity.limiter.consume('attemptsPerNetwork', networkOf(ctx.address));
  return await findValid(ctx, secret);
}

async function findValid(ctx: Context, secret: string): Promise<InvitationSecret | null> {
  if (!isSecret('ambit_inv_', secret)) return null;
  const hash = hashSecret(secret);
  const row = await findInvitationAcrossTenants(await ctx.dependencies.identity.lookups.ofSecret(hash), hash);
  return row && new Date(row.expires_at) > ctx.dependencies.clock() ? row : null;
}

/** The valid invitation with this secret, if it was sent to this address. The caller must count the attempt. */
export async function findFor(ctx: Context, secret: string, address: string): Promise<InvitationSecret | null> {
  const found = await findValid(ctx, secret);
  return found && sameAddress(found.email, address) ? found : null;
}

export async function findOffer(ctx: Context, secret: string): Promise<InvitationOffer | null> {
  const row = await findBySecret(ctx, secret);
  if (!row) return null;
  const roleName = nameOf(row.role_id, row.role_name);
  const projectRoles = row.project_roles.map((own) => ({
    projectName: own.project_name,
    roleName: nameOf(own.role_id, own.role_name),
  }));
  // A role or project was deleted, so the invitation cannot be accepted.
  if (!roleName || !projectRoles.every(isComplete)) return null;
  const { organization_name: organizationName, email, expires_at: expiresAt } = row;
  return { organizationName, email, roleName, projectRoles, expiresAt: new Date(expiresAt) };
}

const nameOf = (roleId: string, customName: string | null): string | null => findBuiltIn(roleId)?.name ?? customName;

const isComplete = (own: {
  projectName: string | null;
  roleName: string | null;
}): own is InvitationOffer['projectRoles'][number] => own.projectName !== null && own.roleName !== null;

/** Both are ASCII (see `email` in input.ts), so JavaScript and PostgreSQL fold the case in the same way. */
export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
