import { builder } from '../../graphql/builder.ts';
import { findUser } from './service.ts';
import type { UserRow } from './table.ts';

export const User = builder.objectRef<UserRow>('User');

builder.node(User, {
  description: 'A person. May belong to several organizations; seen in those that the caller shares with them.',
  permission: 'member:read',
  own: (user, ctx) => user.id === ctx.unit.actor.user?.id,
  id: { resolve: (user) => user.id },
  loadWithoutCache: (id, ctx) => findUser(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'How they are called.' }),
    email: t.exposeString('email', { description: 'The address that they sign in with.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they signed up.' }),
  }),
});
