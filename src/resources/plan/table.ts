import { bigint, date, foreignKey, pgTable, primaryKey } from 'drizzle-orm/pg-core';
import { organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';

/** The number of requests of each organization on each day, in UTC. */
export const requestCounts = pgTable(
  'request_counts',
  {
    organizationId: organizationId(),
    day: date('day', { mode: 'string' }).notNull(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.day] }),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);
