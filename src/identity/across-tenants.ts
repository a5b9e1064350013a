import { sql } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import type { Plan } from '../lib/plans.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';

/**
 * The few questions that go across organizations. Each is a function of the database (migration `walls`) that answers
 * about the one secret, address or id that it is given; nothing else in the code leaves the bound organization.
 */

/** What a session or an API token stands for. */
export interface CredentialRow {
  credential_id: string;
  access: TokenAccess;
  expires_at: string | null;
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
}

export const findSessionAcrossTenants = async (db: Db, id: string): Promise<CredentialRow | null> =>
  (await queryRows<CredentialRow>(db, sql`select * from ambit.find_session(${id})`))[0] ?? null;

export const findApiTokenAcrossTenants = async (db: Db, hash: string): Promise<CredentialRow | null> =>
  (await queryRows<CredentialRow>(db, sql`select * from ambit.find_api_token(${hash})`))[0] ?? null;

export interface UserSecret {
  id: string;
  password_hash: string;
}

export const findUserByEmailAcrossTenants = async (db: Db, email: string): Promise<UserSecret | null> =>
  (await queryRows<UserSecret>(db, sql`select * from ambit.find_user_by_email(${email})`))[0] ?? null;

export interface Membership {
  organization_id: string;
  slug: string;
  name: string;
  principal_id: string;
  built_in_role_id: string | null;
  /** Of a custom role. */
  role_name: string | null;
}

/** The organizations that a person belongs to, in the order of joining. */
export const findMembershipsAcrossTenants = (db: Db, userId: string): Promise<Membership[]> =>
  queryRows<Membership>(db, sql`select * from ambit.find_memberships(${userId})`);

export interface RefreshToken {
  session_id: string;
  user_id: string;
  organization_id: string | null;
  expires_at: string;
}

export const findRefreshTokenAcrossTenants = async (db: Db, hash: string): Promise<RefreshToken | null> =>
  (await queryRows<RefreshToken>(db, sql`select * from ambit.find_refresh_token(${hash})`))[0] ?? null;

export interface InvitationSecret {
  organization_id: string;
  organization_name: string;
  id: string;
  email: string;
  expires_at: string;
  role_id: string;
  /** Of a custom role that is still there. */
  role_name: string | null;
}

export const findInvitationAcrossTenants = async (db: Db, hash: string): Promise<InvitationSecret | null> =>
  (await queryRows<InvitationSecret>(db, sql`select * from ambit.find_invitation(${hash})`))[0] ?? null;
