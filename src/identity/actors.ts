import { sql as query } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { loadGrants } from '../access/grants.ts';
import type { Grants, Role } from '../access/model.ts';
import type { Db } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { queryRows } from '../db/reader.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Work } from '../db/work.ts';
import type { Plan } from '../lib/plans.ts';
import type { UserRow } from '../resources/user/table.ts';
import type { CredentialRow } from './across-tenants.ts';
import type { Actor } from './actor.ts';

/** Principals whose grants are kept, and custom roles that are, compiled. */
const KEPT = 20_000;

/** Makes actors of credentials, with what they hold. */
export interface Actors {
  /** Outside a transaction; grants are kept under the version of the organization's access. */
  of(kind: 'SESSION' | 'API_TOKEN', row: CredentialRow, work: Work): Promise<Actor>;
  /** Whether no role of the actor has ended since. */
  isCurrent(actor: Actor): boolean;
}

export function createActors(pool: Pool, clock: () => Date): Actors {
  const kept = new LRUCache<string, Grants>({ max: KEPT });
  const roles = new LRUCache<string, Role>({ max: KEPT });

  async function grantsOf(row: CredentialRow & { organization_id: string }, work: Work): Promise<Grants | null> {
    const { organization_id: organizationId, principal_id: principalId, plan, access_version: version } = row;
    // Everything that the grants depend on is in the key, but for the time, which they tell themselves.
    const key = [organizationId, principalId, version, plan].join(' ');
    const now = clock();
    const found = kept.get(key);
    if (found && now.getTime() < found.validUntil) return found;
    const binding = { organizationId, userId: row.user_id };
    // One snapshot: roles of one version with assignments of another could give what nobody ever held.
    const own = await inTransaction(
      pool,
      binding,
      (db) => load(db, organizationId, plan, now, principalId),
      'read only',
      work,
    );
    if (own) kept.set(key, own);
    return own;
  }

  async function load(
    db: Db,
    organizationId: string,
    plan: Plan,
    now: Date,
    principalId: string,
  ): Promise<Grants | null> {
    const version = await accessVersion(db, organizationId);
    const keyOf = (id: string): string => [organizationId, version, id].join(' ');
    const keptRoles = {
      get: (id: string) => roles.get(keyOf(id)),
      set: (id: string, role: Role) => void roles.set(keyOf(id), role),
    };
    const grants = await loadGrants(db, organizationId, plan, now, [principalId], keptRoles);
    return grants.get(principalId) ?? null;
  }

  return {
    async of(kind, row, work) {
      const bound = row.organization_id !== null ? (row as CredentialRow & { organization_id: string }) : null;
      return toActor(kind, row, bound && (await grantsOf(bound, work)));
    },
    isCurrent: ({ grants }) => !grants || clock().getTime() < grants.validUntil,
  };
}

async function accessVersion(db: Db, organizationId: string): Promise<string> {
  const [row] = await queryRows<{ version: string }>(
    db,
    query`select access_version::text as version from organizations where id = ${organizationId}`,
  );
  return row?.version ?? '';
}

/** The actor inside a transaction that has just changed who they are, bound to their organization. */
export async function actorIn(db: Db, kind: 'SESSION', row: CredentialRow, now: Date): Promise<Actor> {
  const { organization_id: organizationId, principal_id: principalId, plan } = row;
  const grants = organizationId ? await loadGrants(db, organizationId, plan, now, [principalId]) : null;
  return toActor(kind, row, grants?.get(principalId) ?? null);
}

const toActor = (kind: 'SESSION' | 'API_TOKEN', row: CredentialRow, grants: Grants | null): Actor => ({
  credential: {
    kind,
    id: row.credential_id,
    access: row.access,
    expiresAt: row.expires_at ? new Date(row.expires_at) : null,
  },
  user: userOf(row),
  organization: row.organization_id ? { id: row.organization_id, slug: row.slug, name: row.organization_name } : null,
  principal: row.organization_id ? { id: row.principal_id, name: row.name } : null,
  grants,
});

const userOf = ({ user_id: id, email, name, user_created_at: createdAt }: CredentialRow): UserRow | null =>
  id && createdAt ? { id, email, name, createdAt: new Date(createdAt) } : null;
