import { sql } from 'drizzle-orm';
import { check, foreignKey, index, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId, updatedAt } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';

/** READ allows queries, WRITE also mutations. A token never has more permissions than its principal. */
export type TokenAccess = 'READ' | 'WRITE';

/** A named set of permissions of an API key. */
export type ApiKeyPreset = 'SDK' | 'READ_ONLY' | 'FULL';

/** API tokens, which act for a member or service account, and API keys, which have permissions of their own in one project. */
export const apiTokens = pgTable(
  'api_tokens',
  {
    organizationId: organizationId(),
    id: id(),
    /** The member or service account that a token acts for. Null for a key. */
    principalId: uuid('principal_id'),
    /** The project that a key belongs to. Null for a token. */
    projectId: uuid('project_id'),
    name: text('name').notNull(),
    access: text('access').$type<TokenAccess>().notNull(),
    /** The preset that the permissions of a key were taken from. Null for patterns, and for a token. */
    preset: text('preset').$type<ApiKeyPreset>(),
    /** Patterns: the permissions of a key, or those that a token is limited to. Null for a token without such a limit. */
    permissions: text('permissions').array(),
    /** The projects that a token is limited to. Null for a token without such a limit, and for a key. */
    projectIds: uuid('project_ids').array(),
    /** The addresses and networks from which it can be used. Null for all. */
    addresses: text('addresses').array(),
    /** SHA-256 of the secret. A slow hash is not needed, because the secret is random. */
    hash: text('hash').notNull(),
    /** The last four characters of the secret. Null if an earlier version created it. */
    hint: text('hint'),
    /** The secret before the last rotation, which is valid until `previousEndsAt`. */
    previousHash: text('previous_hash'),
    previousHint: text('previous_hint'),
    previousEndsAt: instant('previous_ends_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    expiresAt: instant('expires_at'),
    /** When the maximum lifetime `organizations.api_token_max_days` begins. Null if it does not apply. */
    lineageAt: instant('lineage_at').defaultNow(),
    /** The token or key with which it was created, and with which it is deleted. Null if there is none. */
    createdWithId: uuid('created_with_id'),
    /** The member, service account or key that created it, which may be deleted. Null if an earlier version created it. */
    createdById: uuid('created_by_id'),
    lastUsedAt: instant('last_used_at'),
    lastUsedAddress: text('last_used_address'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('api_tokens_hash').on(t.organizationId, t.hash),
    unique('api_tokens_previous_hash').on(t.organizationId, t.previousHash),
    index('api_tokens_by_principal').on(t.organizationId, t.principalId),
    index('api_tokens_by_creator').on(t.organizationId, t.createdWithId),
    uniqueIndex('api_keys_name')
      .on(t.organizationId, t.projectId, sql`lower(${t.name})`)
      .where(sql`project_id is not null`),
    check('api_tokens_owner', sql`(${t.principalId} is null) <> (${t.projectId} is null)`),
    foreignKey({
      name: 'api_tokens_principal',
      columns: [t.organizationId, t.principalId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'api_keys_project',
      columns: [t.organizationId, t.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'api_tokens_created_with',
      columns: [t.organizationId, t.createdWithId],
      foreignColumns: [t.organizationId, t.id],
    }).onDelete('cascade'),
  ],
);

/** The columns of tokens and keys that resolvers need. The hashes of the secrets are not among them. */
export const commonFields = {
  id: apiTokens.id,
  name: apiTokens.name,
  access: apiTokens.access,
  permissions: apiTokens.permissions,
  addresses: apiTokens.addresses,
  hint: apiTokens.hint,
  previousHint: apiTokens.previousHint,
  previousEndsAt: apiTokens.previousEndsAt,
  createdAt: apiTokens.createdAt,
  updatedAt: apiTokens.updatedAt,
  expiresAt: apiTokens.expiresAt,
  lineageAt: apiTokens.lineageAt,
  createdWithId: apiTokens.createdWithId,
  createdById: apiTokens.createdById,
  lastUsedAt: apiTokens.lastUsedAt,
  lastUsedAddress: apiTokens.lastUsedAddress,
};

explainViolation('api_keys_name', userError('TAKEN', 'name', 'Another API key of the project has this name.'));
