import { foreignKey, index, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { principals } from '../principal/table.ts';

/** READ allows queries, WRITE also mutations. A token never has more permissions than its principal. */
export type TokenAccess = 'READ' | 'WRITE';

export const apiTokens = pgTable(
  'api_tokens',
  {
    organizationId: organizationId(),
    id: id(),
    principalId: uuid('principal_id').notNull(),
    name: text('name').notNull(),
    access: text('access').$type<TokenAccess>().notNull(),
    /** SHA-256 of the secret. A slow hash is not needed, because the secret is random. */
    hash: text('hash').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('api_tokens_hash').on(t.organizationId, t.hash),
    index('api_tokens_by_principal').on(t.organizationId, t.principalId),
    foreignKey({
      name: 'api_tokens_principal',
      columns: [t.organizationId, t.principalId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
  ],
);
