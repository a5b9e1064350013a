import { builder } from '../../graphql/builder.ts';
import { withSource } from '../../graphql/source.ts';
import { findUser } from './service.ts';
import { people, type UserRow } from './table.ts';

export const User = builder.objectRef<UserRow>('User');

builder.node(User, {
  description:
    'A person with an account. A person can be a member of several organizations, and is visible in those that the caller is also a member of.',
  permission: 'member:read',
  own: (user, ctx) => user.id === ctx.unit.actor.user?.id,
  extensions: withSource({
    table: people,
    prefix: 'usr',
    id: people.id,
    organization: people.organizationId,
    project: null,
  }),
  id: { resolve: (user) => user.id },
  loadWithoutCache: (id, ctx) => findUser(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The display name of the person.' }),
    email: t.exposeString('email', { description: 'The e-mail address that the person signs in with.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the account was created.' }),
  }),
});
