import { sql } from 'drizzle-orm';
import { boolean, foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { principals } from '../principal/table.ts';

/** The accounts of the instance. An organization sees its members as `people`. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    email: text('email').notNull(),
    name: text('name').notNull(),
    /** Whether the account may create organizations on a server with SIGN_UP=invited. */
    mayCreateOrganizations: boolean('may_create_organizations').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('users_email').on(sql`lower(${t.email})`)],
);

/**
 * The passwords of the accounts. They have a table of their own, because the runtime role can add a hash but not read one,
 * and Citus does not support grants on columns.
 */
export const passwords = pgTable(
  'passwords',
  {
    userId: uuid('user_id').primaryKey(),
    hash: text('hash').notNull(),
  },
  (t) => [foreignKey({ columns: [t.userId], foreignColumns: [users.id] }).onDelete('cascade')],
);

/**
 * The users that are members of an organization, as the organization sees them. The rows are copies of those in `users`,
 * because requests of an organization read only tables of the organization. A row is deleted with its member.
 */
export const people = pgTable(
  'people',
  {
    organizationId: organizationId(),
    /** The ID of the user. */
    id: uuid('id').notNull(),
    email: text('email').notNull(),
    name: text('name').notNull(),
    /** When the account was created. */
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('people_by_email').on(t.organizationId, sql`lower(${t.email})`),
    foreignKey({
      name: 'people_member',
      columns: [t.organizationId, t.id],
      foreignColumns: [principals.organizationId, principals.userId],
    }).onDelete('cascade'),
  ],
);

export interface UserRow {
  id: string;
  email: string;
  name: string;
  createdAt: Date;
}

explainViolation(
  'users_email',
  userError('TAKEN', 'email', 'An account with this e-mail address already exists. Sign in instead.'),
);
