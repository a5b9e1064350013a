import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { mutation } from '../../graphql/mutation.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { Member } from '../member/graphql.ts';
import { isSelf } from '../principal/service.ts';
import { User } from '../user/graphql.ts';
import { findUser } from '../user/service.ts';
import {
  findSession,
  isOwnSession,
  listSessions,
  listSessionsOf,
  mayEnd,
  type SessionRow,
  signOut,
  signOutMember,
} from './service.ts';

export const Session = builder.objectRef<SessionRow>('Session');

async function mayDo(session: SessionRow, ctx: Context): Promise<Permission[]> {
  const may = {
    'session:read': isOwnSession(session, ctx) || ctx.unit.access.can('session:read'),
    'session:delete': await mayEnd(ctx, session),
  };
  return (['session:read', 'session:delete'] as const).filter((name) => may[name]);
}

builder.node(Session, {
  description: 'A sign-in of a person. It ends on sign-out, or if it is not refreshed before `expiresAt`.',
  permission: 'session:read',
  own: isOwnSession,
  id: { resolve: (session) => session.id },
  loadWithoutCache: (id, ctx) => findSession(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person who signed in. Null if the person is not visible to the caller.',
      resolve: (session, _args, ctx) => findUser(ctx, session.userId),
    }),
    ipAddress: t.exposeString('address', { description: 'The IP address of the sign-in.' }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'The header `User-Agent` of the sign-in. Null if the client sent none.',
    }),
    current: t.boolean({
      description: 'Whether this request uses the session.',
      resolve: (session, _args, ctx) => session.id === ctx.unit.actor.credential?.id,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the person signed in.' }),
    refreshedAt: t.expose('refreshedAt', { type: 'DateTime', description: 'When the session was last refreshed.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When the session ends if it is not refreshed before.',
    }),
    viewerPermissions: t.field({
      ...permissionsField('session'),
      resolve: (session, _args, ctx) => mayDo(session, ctx),
    }),
  }),
});

builder.queryField('session', (t) =>
  t.field({
    type: Session,
    nullable: true,
    permission: 'session:read',
    own: true,
    description:
      'The session with this ID that is bound to the organization. Null if it does not exist or is not visible to the caller.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the session.' }) },
    resolve: (_root, { id }, ctx) => byId('ses', (uuid) => findSession(ctx, uuid))(id),
  }),
);

builder.queryField('sessions', (t) =>
  t.connection(
    {
      type: Session,
      nullable: true,
      permission: 'session:read',
      own: true,
      description:
        'The active sessions that are bound to the organization, newest first. Callers without the permission get their own sessions only.',
      resolve: (_root, args, ctx) => listSessions(ctx, args),
    },
    connectionOf(Session),
  ),
);

builder.objectField(Member, 'sessions', (t) =>
  t.connection(
    {
      type: Session,
      nullable: true,
      permission: 'session:read',
      own: isSelf,
      description: 'The active sessions of the member that are bound to the organization, newest first.',
      resolve: (member, args, ctx) => listSessionsOf(ctx, member.userId ?? '', args),
    },
    connectionOf(Session),
  ),
);

mutation('signOut', {
  own: true,
  description: 'Ends a session of the caller. Its tokens are refused from the next request on.',
  input: (t) => ({
    sessionId: t.id({ description: 'The ID of a session of the caller. Defaults to the session of the request.' }),
  }),
  results: { deletedId: { type: 'ID', description: 'The ID of the session that was ended.' } },
  resolve: async (input, ctx) => ({ deletedId: await signOut(ctx, input.sessionId) }),
});

mutation('signOutMember', {
  permission: 'session:delete',
  description:
    'Ends all sessions of a member in this organization. Their next requests are refused on every node. API tokens stay valid. Returns NOT_HELD if the member has permissions that the caller does not have.',
  input: (t) => ({
    memberId: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The ID of the member.' }),
  }),
  results: { endedSessions: { type: 'Int', description: 'The number of sessions that were ended.' } },
  resolve: async (input, ctx) => ({ endedSessions: await signOutMember(ctx, targetId('mem', input.memberId)) }),
});
