import { builder } from '../../builder.ts';
import { findUser, type UserRow } from './service.ts';

export const User = builder.objectRef<UserRow>('User');

builder.node(User, {
  description: 'A person. May belong to several organizations; seen in those that the caller shares with them.',
  permission: 'member:read',
  own: (user, ctx) => user.id === ctx.actor.user?.id,
  id: { resolve: (user) => user.id },
  loadWithoutCache: (id, ctx) => findUser(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'How they are called.' }),
    email: t.exposeString('email', { description: 'The address that they sign in with.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they signed up.' }),
  }),
});
