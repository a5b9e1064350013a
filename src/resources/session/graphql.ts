import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { User } from '../user/graphql.ts';
import { findUser } from '../user/service.ts';
import { findSession, isOwnSession, listSessions, mayEnd, type SessionRow, signOutMember } from './service.ts';

export const Session = builder.objectRef<SessionRow>('Session');

async function mayDo(session: SessionRow, ctx: Context): Promise<Permission[]> {
  const may = {
    'session:read': isOwnSession(session, ctx) || ctx.unit.access.can('session:read'),
    'session:delete': await mayEnd(ctx, session),
  };
  return (['session:read', 'session:delete'] as const).filter((name) => may[name]);
}

builder.node(Session, {
  description: 'A sign-in that lasts until it is ended, or is not refreshed in time.',
  permission: 'session:read',
  own: isOwnSession,
  id: { resolve: (session) => session.id },
  loadWithoutCache: (id, ctx) => findSession(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'Who signed in.',
      resolve: (session, _args, ctx) => findUser(ctx, session.userId),
    }),
    address: t.exposeString('address', { description: 'Network address of the sign-in.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What the client called itself.' }),
    current: t.boolean({
      description: 'Whether this request uses it.',
      resolve: (session, _args, ctx) => session.id === ctx.unit.actor.credential?.id,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    refreshedAt: t.expose('refreshedAt', { type: 'DateTime', description: 'When it was last refreshed.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends unless it is refreshed.' }),
    viewerPermissions: t.field({
      ...viewerPermissions<SessionRow>('session'),
      resolve: (session, _args, ctx) => mayDo(session, ctx),
    }),
  }),
});

builder.queryField('sessions', (t) =>
  t.connection(
    {
      type: Session,
      nullable: true,
      permission: 'session:read',
      own: true,
      description:
        'Live sessions bound to the organization, the newest first: all of them, or without the permission one’s own.',
      resolve: (_root, args, ctx) => listSessions(ctx, args),
    },
    connectionOf(Session),
  ),
);

mutation('signOutMember', {
  permission: 'session:delete',
  description:
    'Ends all sessions of the member in this organization at once: their next request is refused, on every node. API tokens stay. Refused (NOT_HELD) for who holds more than the caller.',
  input: (t) => ({ id: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The member.' }) }),
  results: { endedSessions: { type: 'Int', description: 'How many sessions were ended.' } },
  resolve: async (input, ctx) => ({ endedSessions: await signOutMember(ctx, targetId('mem', input.id)) }),
});
