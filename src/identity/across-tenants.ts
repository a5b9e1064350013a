import { sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { arrayParam } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import type { BindingCheck } from '../db/transaction.ts';
import type { Plan } from '../lib/plans.ts';
import { type ApiKeyPreset, apiTokens, type TokenAccess } from '../resources/api-token/table.ts';
import type { CredentialKind } from './actor.ts';

/**
 * The only queries that read rows of other organizations than the bound one. Each calls a database function of the
 * migrations, which returns only the rows for one secret, e-mail address or id.
 */

/** A session, API token or API key, with its user, service account or project, and its organization. */
export interface CredentialRow {
  kind: CredentialKind;
  /** The hash of the secret that was given. Null for a session. */
  hash: string | null;
  credential_id: string;
  access: TokenAccess;
  expires_at: string | null;
  /** The project of an API key. */
  project_id: string | null;
  preset: ApiKeyPreset | null;
  permissions: string[] | null;
  project_ids: string[] | null;
  addresses: string[] | null;
  user_id: string | null;
  email: string;
  name: string;
  user_created_at: string | null;
  organization_id: string | null;
  slug: string;
  organization_name: string;
  plan: Plan;
  access_version: string;
  principal_id: string;
  /** Everything above as one value. Computed by the database. */
  version: string;
}

/** The columns that no session has, with their values for a session. */
export const OF_SESSION = {
  kind: 'SESSION',
  hash: null,
  project_id: null,
  preset: null,
  permissions: null,
  project_ids: null,
  addresses: null,
} as const;

export async function findSessionAcrossTenants(db: Db, id: string): Promise<CredentialRow | null> {
  const [row] = await queryRows<CredentialRow>(db, sql`select * from ambit.find_session_actor(${id})`);
  return row ? { ...row, ...OF_SESSION } : null;
}

/** By the hash of the secret of an API token or an API key. */
export async function findTokenAcrossTenants(db: Db, hash: string): Promise<CredentialRow | null> {
  const [row] = await queryRows<TokenRow>(db, sql`select * from ambit.find_token_actor(${hash})`);
  if (!row) return null;
  const { permissions, project_ids, addresses } = row;
  return {
    ...row,
    hash,
    permissions: listOf(apiTokens.permissions, permissions),
    project_ids: listOf(apiTokens.projectIds, project_ids),
    addresses: listOf(apiTokens.addresses, addresses),
  };
}

/** The driver does not know array types, so it returns a list as text. */
type TokenRow = Omit<CredentialRow, keyof Lists> & { [Name in keyof Lists]: string | null };
type Lists = Pick<CredentialRow, 'permissions' | 'project_ids' | 'addresses'>;

const listOf = (column: PgColumn, text: string | null): string[] | null =>
  text === null ? null : (column.mapFromDriverValue(text) as string[]);

const CHECKS = {
  SESSION: checkWith('session', '$1::text::uuid, $2::text::uuid, $3::text::uuid, $4'),
  TOKEN: checkWith('token', '$1, $2::text::uuid, $3::text::uuid, $4'),
};

/** Returns a row only if the condition is true. PostgreSQL evaluates a condition without columns before the row. */
function checkWith(credential: string, parameters: string): Omit<BindingCheck, 'values'> {
  const condition = `ambit.is_${credential}_unchanged(${parameters})`;
  const binding = 'select ambit.bind($2::text, $3::text)';
  return {
    text: `${binding} where ${condition}`,
    strictText: `${binding} where ambit.require_unchanged(${condition})`,
    singleText: `select where ambit.check_${credential}(${parameters})`,
  };
}

/** Binds a transaction to what the credential stands for, if the credential has not changed since its lookup. */
export const checkOfCredential = (kind: keyof typeof CHECKS, key: string, row: CredentialRow): BindingCheck => ({
  ...CHECKS[kind],
  values: [key, row.organization_id, row.user_id, row.version],
});

/** A user, for checking the password. */
export interface UserSecret {
  id: string;
  password_hash: string;
}

export const findUserByEmailAcrossTenants = async (db: Db, email: string): Promise<UserSecret | null> =>
  (await queryRows<UserSecret>(db, sql`select * from ambit.find_user_by_email(${email})`))[0] ?? null;

/** An organization of a user, and the user's role in it. */
export interface Membership {
  organization_id: string;
  slug: string;
  name: string;
  principal_id: string;
  built_in_role_id: string | null;
  /** The name of a custom role. Null for a built-in role. */
  role_name: string | null;
}

/** The organizations of a user, in the order of joining. */
export const findMembershipsAcrossTenants = (db: Db, userId: string): Promise<Membership[]> =>
  queryRows<Membership>(db, sql`select * from ambit.find_memberships(${userId})`);

/** An organization of a user, from the directories `memberships` and `organization_slugs`. */
export interface MemberOrganization {
  organization_id: string;
  slug: string;
  principal_id: string;
}

/** The organizations of a user, in the order of joining. Uses no worker of a Citus cluster. */
export const findMemberOrganizationsAcrossTenants = (db: Db, userId: string): Promise<MemberOrganization[]> =>
  queryRows<MemberOrganization>(db, sql`select * from ambit.find_member_organizations(${userId})`);

/** The organization of an API token or an invitation. Uses no worker of a Citus cluster. */
export const findSecretOrganizationAcrossTenants = async (db: Db, hash: string): Promise<string | null> =>
  (await queryRows<{ id: string | null }>(db, sql`select ambit.find_secret_organization(${hash}) as id`))[0]?.id ??
  null;

/** A refresh token, with its session. */
export interface RefreshToken {
  session_id: string;
  user_id: string;
  organization_id: string | null;
  expires_at: string;
}

export const findRefreshTokenAcrossTenants = async (db: Db, hash: string): Promise<RefreshToken | null> =>
  (await queryRows<RefreshToken>(db, sql`select * from ambit.find_refresh_token(${hash})`))[0] ?? null;

/** An invitation, found by its secret. */
export interface InvitationSecret {
  organization_id: string;
  organization_name: string;
  id: string;
  email: string;
  expires_at: string;
  role_id: string;
  /** The name of a custom role. Null for a built-in role, and if the custom role was deleted. */
  role_name: string | null;
  /** With null for the name of a deleted project. `role_name` is null for a built-in and for a deleted role. */
  project_roles: { project_name: string | null; role_id: string; role_name: string | null }[];
}

export const findInvitationAcrossTenants = async (db: Db, hash: string): Promise<InvitationSecret | null> =>
  (await queryRows<InvitationSecret>(db, sql`select * from ambit.find_invitation(${hash})`))[0] ?? null;

/** Whether the instance has an account. */
export const hasUsersAcrossTenants = async (db: Db): Promise<boolean> =>
  (await queryRows<{ used: boolean }>(db, sql`select ambit.has_users() as used`))[0]?.used ?? false;

/** IDs of organizations in ascending order, from the first one after `after`. Reads from no worker of a Citus cluster. */
export const listOrganizationsAcrossTenants = async (db: Db, after: string | null, limit: number): Promise<string[]> =>
  (await queryRows<{ id: string }>(db, sql`select ambit.list_organizations(${after}, ${limit}) as id`)).map(
    ({ id }) => id,
  );

/** Those of these organizations that have services to evaluate at this time, in ascending order. */
export const listDueOrganizationsAcrossTenants = async (
  db: Db,
  organizations: readonly string[],
  due: Date,
): Promise<string[]> =>
  (
    await queryRows<{ id: string }>(
      db,
      sql`select ambit.list_due_organizations(${arrayParam(organizations)}::uuid[], ${due.toISOString()}::timestamptz) as id`,
    )
  )
    .map(({ id }) => id)
    .sort();

/** Those of these organizations that have events to process, in ascending order. */
export const listOrganizationsWithQueuedEventsAcrossTenants = async (
  db: Db,
  organizations: readonly string[],
): Promise<string[]> =>
  (
    await queryRows<{ id: string }>(
      db,
      sql`select ambit.list_organizations_with_queued_events(${arrayParam(organizations)}::uuid[]) as id`,
    )
  )
    .map(({ id }) => id)
    .sort();

/** Users with sessions that expired an hour ago. */
export const listUsersWithExpiredSessionsAcrossTenants = async (db: Db, limit: number): Promise<string[]> =>
  (await queryRows<{ id: string }>(db, sql`select ambit.list_users_with_expired_sessions(${limit}) as id`)).map(
    ({ id }) => id,
  );
