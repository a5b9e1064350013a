import { foreignKey, index, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { BuiltInRole } from '../../access/catalog.ts';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';
import { users } from '../user/table.ts';

/** A user in an organization, with one organization role. */
export const members = pgTable(
  'members',
  {
    organizationId: organizationId(),
    id: id(),
    userId: uuid('user_id').notNull(),
    role: text('role').$type<BuiltInRole>().notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('members_user').on(t.organizationId, t.userId),
    index('members_by_user').on(t.userId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
    foreignKey({ columns: [t.userId], foreignColumns: [users.id] }),
  ],
);
