import { foreignKey, index, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { organizations } from '../organization/table.ts';
import { users } from '../user/table.ts';

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
    index('principals_by_user').on(t.userId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
    foreignKey({ columns: [t.userId], foreignColumns: [users.id] }),
  ],
);

explainViolation('principals_name', userError('TAKEN', 'name', 'Another service account has this name.'));
explainViolation(
  'principals_user',
  userError('TAKEN', 'secret', 'secret: you are already a member of this organization.'),
);
