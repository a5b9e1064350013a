import { foreignKey, index, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { organizations } from '../organization/table.ts';

/** A member or a service account of an organization. A member has a user; a service account has a name instead. */
export const principals = pgTable(
  'principals',
  {
    organizationId: organizationId(),
    id: id(),
    userId: uuid('user_id'),
    name: text('name'),
    description: text('description'),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('principals_user').on(t.organizationId, t.userId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);

/**
 * A directory: it finds the organizations of a user without reading every organization. Its rows are added and deleted
 * together with the members.
 */
export const memberships = pgTable(
  'memberships',
  {
    organizationId: organizationId(),
    userId: uuid('user_id').notNull(),
    /** The ID of the member. These IDs have the order in which the user joined the organizations. */
    principalId: uuid('principal_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.organizationId] }),
    index('memberships_by_organization').on(t.organizationId),
  ],
);

explainViolation('principals_name', userError('TAKEN', 'name', 'Another service account has this name.'));
explainViolation(
  'principals_user',
  userError('TAKEN', 'secret', 'secret: you are already a member of this organization.'),
);
