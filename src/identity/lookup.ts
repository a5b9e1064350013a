import { type SQL, sql } from 'drizzle-orm';
import type { BuiltInRole } from '../access/catalog.ts';
import type { Db } from '../db/client.ts';
import type { Access } from '../resources/api-token/table.ts';
import type { Actor } from './actor.ts';

/**
 * The few questions that go across organizations. Each is a function of the database (migration `walls`) that answers
 * about the one secret, address or id that it is given; nothing else in the code leaves the bound organization.
 */

async function rows<Row>(db: Db, query: SQL): Promise<Row[]> {
  return (await db.execute(query)) as unknown as Row[];
}

interface CredentialRow {
  credential_id: string;
  access: Access;
  expires_at: string | null;
  user_id: string;
  email: string;
  user_name: string;
  organization_id: string | null;
  slug: string;
  organization_name: string;
  member_id: string;
  role: BuiltInRole;
}

const toActor = (kind: 'SESSION' | 'API_TOKEN', row: CredentialRow | undefined): Actor | null =>
  row
    ? {
        credential: {
          kind,
          id: row.credential_id,
          access: row.access,
          expiresAt: row.expires_at ? new Date(row.expires_at) : null,
        },
        user: { id: row.user_id, email: row.email, name: row.user_name },
        organization: row.organization_id
          ? { id: row.organization_id, slug: row.slug, name: row.organization_name }
          : null,
        member: row.organization_id ? { id: row.member_id, role: row.role } : null,
      }
    : null;

export const findSessionActor = async (db: Db, id: string): Promise<Actor | null> =>
  toActor('SESSION', (await rows<CredentialRow>(db, sql`select * from ambit.find_session(${id})`))[0]);

export const findTokenActor = async (db: Db, hash: string): Promise<Actor | null> =>
  toActor('API_TOKEN', (await rows<CredentialRow>(db, sql`select * from ambit.find_api_token(${hash})`))[0]);

export interface UserSecret {
  id: string;
  password_hash: string;
}

export const findUserByEmail = async (db: Db, email: string): Promise<UserSecret | null> =>
  (await rows<UserSecret>(db, sql`select * from ambit.find_user_by_email(${email})`))[0] ?? null;

export interface Membership {
  organization_id: string;
  slug: string;
  name: string;
  member_id: string;
  role: BuiltInRole;
}

/** The organizations that a person belongs to, in the order of joining. */
export const findMemberships = (db: Db, userId: string): Promise<Membership[]> =>
  rows<Membership>(db, sql`select * from ambit.find_memberships(${userId})`);

export interface RefreshToken {
  session_id: string;
  user_id: string;
  organization_id: string | null;
  expires_at: string;
}

export const findRefreshToken = async (db: Db, hash: string): Promise<RefreshToken | null> =>
  (await rows<RefreshToken>(db, sql`select * from ambit.find_refresh_token(${hash})`))[0] ?? null;
