import { boolean, foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { organizations } from '../organization/table.ts';
import { principals } from '../principal/table.ts';

export type CheckType = 'MANUAL';

export const checks = pgTable(
  'checks',
  {
    organizationId: organizationId(),
    id: id(),
    name: text('name').notNull(),
    notes: text('notes'),
    type: text('type').$type<CheckType>().notNull(),
    categoryId: uuid('category_id').notNull(),
    levelId: uuid('level_id').notNull(),
    ownerId: uuid('owner_id'),
    enabled: boolean('enabled').notNull(),
    enableOn: instant('enable_on'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('checks_by_name').on(t.organizationId, t.name, t.id),
    index('checks_by_category').on(t.organizationId, t.categoryId),
    index('checks_by_level').on(t.organizationId, t.levelId),
    index('checks_by_owner').on(t.organizationId, t.ownerId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
    foreignKey({
      name: 'checks_category',
      columns: [t.organizationId, t.categoryId],
      foreignColumns: [categories.organizationId, categories.id],
    }),
    foreignKey({
      name: 'checks_level',
      columns: [t.organizationId, t.levelId],
      foreignColumns: [levels.organizationId, levels.id],
    }),
    // A hand-written migration adds ON DELETE SET NULL (owner_id): leaving the organization clears the owner alone.
    foreignKey({
      name: 'checks_owner',
      columns: [t.organizationId, t.ownerId],
      foreignColumns: [principals.organizationId, principals.id],
    }),
  ],
);
