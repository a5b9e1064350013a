import { sql as query } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { CompiledPolicy } from '../access/compile.ts';
import { loadGrants } from '../access/grants.ts';
import { grantsOfKey, type KeyPermissions, narrowingOf } from '../access/key-role.ts';
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

/** Limits of the caches. The first is in kilobytes, as `sizeOfGrants` estimates them. */
const MAX_GRANTS = 100_000;
const MAX_ROLES = 5_000;
const MAX_POLICIES = 20_000;

/**
 * The approximate size of grants in kilobytes. A custom role counts with its permissions and with the decisions that are
 * cached with it, because grants keep their roles alive. Built-in roles are shared.
 */
export function sizeOfGrants(grants: Grants | null): number {
  if (!grants) return 1;
  const roles = new Set([grants.role, grants.expired?.role, ...grants.projects.values()]);
  const custom = [...roles].filter((role) => role && (role.builtIn === null || role.isOfKey));
  return 1 + Math.ceil(grants.projects.size / 10) + Math.ceil(grants.teams.size / 10) + 8 * custom.length;
}

/** Loads the actors of credentials, with their grants. */
export interface Actors {
  /** Must be called outside a transaction. Grants are cached by the access version of the organization. */
  load(row: CredentialRow, work: Work): Promise<Actor>;
  /** Whether the grants of the actor are still valid. They are not when one of the actor's roles has expired. */
  isCurrent(actor: Actor): boolean;
}

export function createActors(pool: Pool, clock: () => Date): Actors {
  const cachedGrants = new LRUCache<string, { of: string; grants: Grants }>({
    maxSize: MAX_GRANTS,
    sizeCalculation: ({ grants }) => sizeOfGrants(grants),
  });
  const cachedRoles = new LRUCache<string, Role>({ max: MAX_ROLES });
  const cachedPolicies = new LRUCache<string, CompiledPolicy>({ max: MAX_POLICIES });

  async function grantsOf(row: CredentialRow & { organization_id: string }, work: Work): Promise<Grants | null> {
    const { organization_id: organizationId, principal_id: principalId, plan, access_version: version } = row;
    // A new version replaces the grants of the old one. Otherwise each change of access would add grants to the cache.
    const key = [organizationId, principalId].join(' ');
    // Everything that the grants depend on, except the time. For that, they have `validUntil`.
    const of = [version, plan].join(' ');
    const now = clock();
    const cached = cachedGrants.get(key);
    if (cached?.of === of && now.getTime() < cached.grants.validUntil) return cached.grants;
    const binding = { organizationId, userId: row.user_id };
    // One snapshot, because roles and assignments of different versions could result in grants that never existed.
    const grants = await inTransaction(
      pool,
      binding,
      (db) => loadWithCachedRoles(db, organizationId, plan, now, principalId),
      'read only',
      work,
    );
    if (grants) cachedGrants.set(key, { of, grants });
    return grants;
  }

  async function loadWithCachedRoles(
    db: Db,
    organizationId: string,
    plan: Plan,
    now: Date,
    principalId: string,
  ): Promise<Grants | null> {
    const version = await accessVersion(db, organizationId);
    const prefix = `${organizationId} ${version}`;
    const cache = { roles: inVersion(cachedRoles, prefix), policies: inVersion(cachedPolicies, prefix) };
    const grants = await loadGrants(db, organizationId, plan, now, [principalId], cache);
    return grants.get(principalId) ?? null;
  }

  return {
    async load(row, work) {
      if (row.project_id !== null) return toActor(row, grantsOfKey(keyOf(row), row.project_id, row.plan));
      const bound = row.organization_id !== null ? (row as CredentialRow & { organization_id: string }) : null;
      return toActor(row, bound && (await grantsOf(bound, work)));
    },
    isCurrent: ({ grants }) => !grants || clock().getTime() < grants.validUntil,
  };
}

/** The part of a cache that belongs to one version of an organization's access. */
const inVersion = <Value extends object>(cache: LRUCache<string, Value>, prefix: string) => ({
  get: (id: string) => cache.get(`${prefix} ${id}`),
  set: (id: string, value: Value) => void cache.set(`${prefix} ${id}`, value),
});

async function accessVersion(db: Db, organizationId: string): Promise<string> {
  const [row] = await queryRows<{ version: string }>(
    db,
    query`select access_version::text as version from organizations where id = ${organizationId}`,
  );
  return row?.version ?? '';
}

/** What an actor is created from, together with the grants. */
type ActorRow = Omit<CredentialRow, 'access_version' | 'version'>;

/** Loads the actor in the transaction that has just changed it. The transaction must be bound to the actor's organization. */
export async function actorIn(db: Db, row: ActorRow, now: Date): Promise<Actor> {
  const { organization_id: organizationId, principal_id: principalId, plan } = row;
  const grants = organizationId ? await loadGrants(db, organizationId, plan, now, [principalId]) : null;
  return toActor(row, grants?.get(principalId) ?? null);
}

const keyOf = ({ name, preset, permissions }: ActorRow): KeyPermissions => ({
  name,
  preset,
  permissions: permissions ?? [],
});

const toActor = (row: ActorRow, grants: Grants | null): Actor => ({
  credential: {
    kind: row.kind,
    id: row.credential_id,
    hash: row.hash,
    access: row.access,
    expiresAt: row.expires_at ? new Date(row.expires_at) : null,
    permissions: row.permissions,
    projectIds: row.project_id ? [row.project_id] : row.project_ids,
    addresses: row.addresses,
    narrowing: row.project_id === null ? narrowingOf(row.permissions, row.project_ids) : null,
  },
  user: userOf(row),
  organization: row.organization_id ? { id: row.organization_id, slug: row.slug, name: row.organization_name } : null,
  principal: row.organization_id ? { id: row.principal_id, name: row.name } : null,
  grants,
});

const userOf = ({ user_id: id, email, name, user_created_at: createdAt }: ActorRow): UserRow | null =>
  id && createdAt ? { id, email, name, createdAt: new Date(createdAt) } : null;
