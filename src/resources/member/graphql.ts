import type { Permission } from '../../access/catalog.ts';
import { builder } from '../../builder.ts';
import type { Context } from '../../context.ts';
import { targetId } from '../../input.ts';
import { DELETED, mutation } from '../../mutation.ts';
import { viewerPermissions } from '../../viewer-permissions.ts';
import { RoleType } from '../role/graphql.ts';
import { User } from '../user/graphql.ts';
import { findUser } from '../user/service.ts';
import { deleteMember, findMember, listMembers, type MemberRow, updateMember } from './service.ts';

export const Member = builder.objectRef<MemberRow>('Member');

const ABOUT_MEMBER: Permission[] = ['member:read', 'member:update', 'member:delete', 'session:read', 'session:delete'];

/** Nobody acts on a member who holds more than they do; looking is another matter. */
function mayDo(member: MemberRow, ctx: Context): Permission[] {
  const within = ctx.access.holdsAll(ctx.access.role(member.role));
  return ABOUT_MEMBER.filter((name) => ctx.access.can(name) && (within || name.endsWith(':read')));
}

builder.node(Member, {
  description: 'A person in the organization, with the role that they have there.',
  permission: 'member:read',
  id: { resolve: (member) => member.id },
  loadWithoutCache: (id, ctx) => findMember(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person.',
      resolve: (member, _args, ctx) => findUser(ctx, member.userId),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The one organization role of the member; null for who may not see roles.',
      resolve: (member, _args, ctx) => ctx.access.role(member.role),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they joined.' }),
    viewerPermissions: t.field({
      ...viewerPermissions<MemberRow>('member'),
      resolve: (member, _args, ctx) => mayDo(member, ctx),
    }),
  }),
});

builder.queryField('members', (t) =>
  t.connection({
    type: Member,
    nullable: true,
    permission: 'member:read',
    description: 'The members of the organization, in the order of joining.',
    resolve: (_root, args, ctx) => listMembers(ctx, args),
  }),
);

mutation('updateMember', {
  permission: 'member:update',
  description:
    'Gives the member another role. Refused (NOT_HELD) when the old or the new role grants what the caller does not hold; the last Owner stays Owner (LAST_OWNER).',
  input: (t) => ({
    id: t.id({ required: true, description: 'The member.' }),
    roleId: t.id({ description: 'The new role. Cannot be cleared.' }),
  }),
  results: { member: { type: Member, description: 'The member as they are now.' } },
  resolve: async ({ id, ...changes }, ctx) => ({
    member: await updateMember(ctx, targetId('mem', id), changes),
  }),
});

mutation('deleteMember', {
  permission: 'member:delete',
  description:
    'Removes the member: their sessions and API tokens of this organization end with the next request, their checks lose their owner. Refused (NOT_HELD) for who holds more than the caller, and for the last Owner (LAST_OWNER).',
  input: (t) => ({ id: t.id({ required: true, description: 'The member.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteMember(ctx, targetId('mem', input.id)) }),
});
