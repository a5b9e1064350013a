import { isNotNull } from 'drizzle-orm';
import type { Context } from '../../context.ts';
import { isSelected } from '../../data/loader.ts';
import { MAX_PAGE } from '../../db/page.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId, findBy } from '../../graphql/find-by.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { withSource } from '../../graphql/source.ts';
import type { Target } from '../../graphql/target.ts';
import { targetId } from '../../lib/input.ts';
import { andThen } from '../../lib/maybe-promise.ts';
import { ApiKey } from '../api-key/ref.ts';
import { type ApiKeyRow, listKeysCreatedBy } from '../api-key/service.ts';
import { Principal } from '../principal/graphql.ts';
import { listOfKind } from '../principal/list.ts';
import { principalList } from '../principal/list-graphql.ts';
import { isSelf, type PrincipalRow } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { User } from '../user/graphql.ts';
import { findUserOfMember } from '../user/service.ts';
import {
  deleteMember,
  findMember,
  findMemberByEmail,
  findMemberByUser,
  findMemberWithUser,
  leaveOrganization,
  transferOwnership,
  updateMember,
} from './service.ts';

export const Member = builder.objectRef<PrincipalRow>('Member');

builder.node(Member, {
  description: 'The membership of a person in the organization.',
  permission: 'member:read',
  own: isSelf,
  interfaces: [Principal],
  extensions: withSource({
    table: principals,
    prefix: 'mem',
    id: principals.id,
    organization: principals.organizationId,
    project: null,
    only: isNotNull(principals.userId),
  }),
  id: { resolve: (member) => member.id },
  loadWithoutCache: (id, ctx) => findMember(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person. Null if the membership ended during the request.',
      extensions: withSource({ kind: 'reference', by: principals.userId }),
      resolve: (member, _args, ctx) => andThen(findUserOfMember(ctx, member.id), (found) => found?.user ?? null),
    }),
  }),
});

builder.queryField('member', (t) =>
  t.field({
    type: Member,
    nullable: true,
    permission: 'member:read',
    description:
      'The member with this ID, user ID or e-mail address. Null if there is none. Returns BAD_REQUEST unless exactly one of them is given.',
    args: {
      id: t.arg.id({ description: 'The ID of the member.' }),
      userId: t.arg.id({ description: 'The ID of the user.' }),
      email: t.arg.string({ description: 'The e-mail address of the person. Case-insensitive.' }),
    },
    resolve: (_root, args, ctx) =>
      findBy(args, {
        id: byId('mem', (id) => findMember(ctx, id)),
        userId: byId('usr', (id) => findMemberByUser(ctx, id)),
        email: (email) => findMemberByEmail(ctx, email),
      }),
  }),
);

const list = principalList('Member', ['user.name', 'user.email']);

builder.queryField('members', (t) =>
  t.connection(
    {
      type: Member,
      nullable: true,
      permission: 'member:read',
      complexity: list.complexity,
      description: 'The members of the organization, by default in the order of joining.',
      args: {
        filter: t.arg({ type: list.filter, description: 'Which members to list. Defaults to all.' }),
        orderBy: t.arg({
          type: list.order,
          description: 'The order of the members. Defaults to the order of joining.',
        }),
      },
      resolve: (_root, args, ctx) => listOfKind(ctx, 'member', args),
    },
    connectionOf(Member),
  ),
);

const KEYS_LEFT = {
  apiKeys: {
    type: [ApiKey] as [typeof ApiKey],
    description: `The API keys that the member created with a session, in projects where the caller has \`api_key:read\`, newest first, at most ${MAX_PAGE}. They stay valid, because they belong to their projects. Keys that the member created with an API token are deleted with that token.`,
  },
};

const keysLeft = (ctx: Context, principalId: string): Promise<ApiKeyRow[]> | null =>
  ctx.unit.dryRun ? null : listKeysCreatedBy(ctx, principalId);

const NOT_HELD = 'Returns NOT_HELD if somebody would gain or lose permissions that the caller does not have';
const LAST_OWNER = 'LAST_OWNER for the last Owner of the organization';

mutation('updateMember', {
  permission: 'member:update',
  description: `Assigns another organization role to a member. ${NOT_HELD}, and ${LAST_OWNER}.`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The ID of the member.' }),
    roleId: t.id({
      visibleWith: 'role:read',
      description: 'The ID of the new organization role. Unchanged if omitted. Cannot be null.',
    }),
    roleExpiresAt: t.field({
      type: 'DateTime',
      description:
        'When the new role expires. Requires `roleId` and `fallbackRoleId`. If omitted with the current role, its expiry is unchanged. If omitted with another role, the new role is permanent, or REQUIRED is returned if the current role expires. Null makes the role permanent.',
    }),
    fallbackRoleId: t.id({
      visibleWith: 'role:read',
      description: 'The ID of the organization role from `roleExpiresAt` on.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { member: { type: Member, description: 'The updated member.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'member', await updateMember(ctx, targetId('mem', id), input)),
});

mutation('deleteMember', {
  permission: 'member:delete',
  description: `Removes a member from the organization. Their sessions and API tokens in the organization are refused from the next request on, and the \`owner\` of their checks becomes null. ${NOT_HELD}, and ${LAST_OWNER}.`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The ID of the member.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { ...DELETED, ...ACCESS_CHANGES, ...KEYS_LEFT },
  resolve: async ({ id, dryRun }, ctx) => {
    const uuid = targetId('mem', id);
    const changed = withChanges(ctx, 'deletedId', await deleteMember(ctx, uuid, dryRun ?? false));
    return { ...changed, apiKeys: await keysLeft(ctx, uuid) };
  },
});

mutation('leaveOrganization', {
  own: true,
  description: `Ends the membership of the caller in the organization, with its sessions and API tokens. Returns ${LAST_OWNER}.`,
  input: (t) => ({ dryRun: t.boolean({ description: DRY_RUN }) }),
  results: { ...DELETED, ...ACCESS_CHANGES, ...KEYS_LEFT },
  resolve: async ({ dryRun }, ctx) => {
    const changed = withChanges(ctx, 'deletedId', await leaveOrganization(ctx, dryRun ?? false));
    return { ...changed, apiKeys: await keysLeft(ctx, ctx.unit.actor.principal?.id ?? '') };
  },
});

mutation('transferOwnership', {
  permission: 'organization:transfer',
  description:
    'Assigns the role Owner to a member and the role Admin to the caller. To add a second Owner instead, use `updateMember`.',
  input: (t) => ({
    memberId: t.id({
      required: true,
      visibleWith: 'member:read',
      own: true,
      description: 'The ID of the member who becomes Owner.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { member: { type: Member, description: 'The new Owner.' }, ...ACCESS_CHANGES },
  resolve: async ({ memberId, dryRun }, ctx) =>
    withChanges(ctx, 'member', await transferOwnership(ctx, targetId('mem', memberId), dryRun ?? false)),
});

/** A member as the target of a reference, such as the owner of a check. */
export const memberTarget: Target = {
  name: 'Member',
  type: Member as unknown as Target['type'],
  prefix: 'mem',
  table: principals,
  permission: 'member:read',
  project: null,
  projectOf: () => null,
  isWholeTable: false,
  load: (ctx, id, info) => (info && isSelected(info, 'user') ? findMemberWithUser(ctx, id) : findMember(ctx, id)),
  loadByAlias: null,
};
