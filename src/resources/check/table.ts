import { boolean, foreignKey, index, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, updatedAt } from '../../db/columns.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { tenantTable } from '../organization/table.ts';
import { principals } from '../principal/table.ts';

export type CheckType = 'MANUAL';

export const checks = tenantTable(
  'checks',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    notes: text('notes'),
    type: text('type').$type<CheckType>().notNull(),
    categoryId: uuid('category_id').notNull(),
    levelId: uuid('level_id').notNull(),
    ownerId: uuid('owner_id'),
    enabled: boolean('enabled').notNull(),
    enableOn: instant('enable_on'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('checks_alias').on(t.organizationId, t.alias),
    index('checks_by_name').on(t.organizationId, t.name, t.id),
    index('checks_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('checks_by_category').on(t.organizationId, t.categoryId),
    index('checks_by_level').on(t.organizationId, t.levelId),
    index('checks_by_owner').on(t.organizationId, t.ownerId),
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
    // An earlier migration has added ON DELETE SET NULL. The code clears the owner itself.
    foreignKey({
      name: 'checks_owner',
      columns: [t.organizationId, t.ownerId],
      foreignColumns: [principals.organizationId, principals.id],
    }),
  ],
);
