import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { OrderDirection } from '../../graphql/resource-order.ts';
import { toPublicId } from '../../lib/ids.ts';
import { Principal } from '../principal/graphql.ts';
import { findByPublicId } from '../principal/service.ts';
import { actorIdOf, actorKindOf, credentialIdOf, emailOfActor, labelOfActor, nameOfActor } from './actor.ts';
import { findAuditEvent, listAuditEvents, MAX_TARGETS, MAX_VALUES, targetIdsOf } from './list.ts';
import { type AuditEventRow, MAX_RELATED } from './service.ts';
import type { AuditedChange } from './table.ts';
import { withoutHidden } from './visibility.ts';

const OutcomeEnum = builder.enumType('AuditOutcome', {
  description: 'The outcome of a mutation.',
  values: {
    ALLOWED: { description: 'The change was made.' },
    REFUSED: {
      description: 'The caller lacks a permission, or the object does not exist for the caller. Nothing was changed.',
    },
    REJECTED: { description: 'The input had errors. Nothing was changed.' },
    FAILED: { description: 'The server had an internal error. Nothing was changed.' },
  } as const,
});

export const CredentialKind = builder.enumType('CredentialKind', {
  description: 'The kind of a credential.',
  values: {
    SESSION: { description: 'The access token of a session.' },
    API_TOKEN: { description: 'An API token.' },
    API_KEY: { description: 'An API key of a project.' },
    NONE: { description: 'No credential: the caller was anonymous.' },
  } as const,
});

const AuditActorKind = builder.enumType('AuditActorKind', {
  description: 'The kind of an actor in the audit log.',
  values: {
    MEMBER: { description: 'A member of the organization.' },
    SERVICE_ACCOUNT: { description: 'A service account of the organization.' },
    API_KEY: { description: 'An API key of a project.' },
    USER: { description: 'A signed-in person who was not a member of the organization.' },
    SYSTEM: { description: 'The server or its operator, without a request of a client.' },
    ANONYMOUS: { description: 'A caller without a valid credential.' },
  } as const,
});

const AuditActor = builder.objectRef<AuditEventRow>('AuditActor').implement({
  description:
    'Who made a request, as known at that time. The kind and the ID identify the actor. Names can be chosen freely.',
  permission: 'audit_event:read',
  fields: (t) => ({
    kind: t.field({ type: AuditActorKind, description: 'The kind of the actor.', resolve: actorKindOf }),
    id: t.id({
      nullable: true,
      description:
        'The ID of the member, service account or API key, also after it was deleted. For a person who was not a member, the ID of the user. Null for an anonymous caller and for the system.',
      resolve: actorIdOf,
    }),
    userId: t.id({
      nullable: true,
      description: 'The ID of the user, also after the user has left. Null if the actor is not a person.',
      resolve: ({ userId }) => userId && toPublicId('usr', userId),
    }),
    name: t.string({
      description: 'The name at that time. `anonymous` for an anonymous caller, `system` for the system.',
      resolve: nameOfActor,
    }),
    email: t.string({
      nullable: true,
      description: 'The e-mail address at that time. Null if the actor is not a person.',
      resolve: emailOfActor,
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account as it is now. Null if the actor is neither, was deleted, or is not visible to the caller.',
      resolve: async (event, _args, ctx) => {
        const id = actorIdOf(event);
        return id === null ? null : await findByPublicId(ctx, id);
      },
    }),
  }),
});

const FIELDS =
  'A JSON object of its fields. IDs are public IDs. Roles are objects with `id` and `name`. Lists omit items about projects that are not visible to the caller.';

const AuditChange = builder.objectRef<AuditedChange>('AuditChange').implement({
  description: 'An object that a mutation changed in addition to its target.',
  permission: 'audit_event:read',
  fields: (t) => ({
    targetId: t.exposeID('targetId', { description: 'The ID of the object.' }),
    before: t.field({
      type: 'JSON',
      nullable: true,
      description: `The object before the change. ${FIELDS} Null if it is new.`,
      resolve: ({ before }, _args, ctx) => withoutHidden(ctx, before),
    }),
    after: t.field({
      type: 'JSON',
      nullable: true,
      description: `The object after the change. ${FIELDS} Null if it is deleted.`,
      resolve: ({ after }, _args, ctx) => withoutHidden(ctx, after),
    }),
  }),
});

const AuditEvent = builder.objectRef<AuditEventRow>('AuditEvent');

builder.node(AuditEvent, {
  description:
    'A record of one mutation or export, whether it succeeded or not. It is written in the same transaction as the change, and is never changed. Events of projects that are not visible to the caller are hidden.',
  permission: 'audit_event:read',
  id: { resolve: (event) => event.id },
  loadWithoutCache: (id, ctx) => findAuditEvent(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the mutation ran.' }),
    action: t.exposeString('action', { description: 'The name of the mutation, such as `createCheck`.' }),
    permission: t.field({
      type: 'Permission',
      nullable: true,
      description:
        'The permission that the mutation requires. If that depends on the input, the permission that was refused or that allowed the mutation. Null if it requires none.',
      resolve: (event) => event.permission,
    }),
    outcome: t.field({
      type: OutcomeEnum,
      description: 'The outcome of the mutation.',
      resolve: (event) => event.outcome,
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description:
        'The reason of a refusal, or the codes of the errors in the input without repetitions, separated by spaces. Null if the change was made.',
    }),
    dryRun: t.exposeBoolean('dryRun', {
      description: 'Whether the mutation was a dry run. A dry run leaves an event only if it is not allowed.',
    }),
    actor: t.field({ type: AuditActor, description: 'Who made the request.', resolve: (event) => event }),
    actorName: t.string({
      description:
        'The actor as one text: `Ada <ada@example.com>` for a person, `Deploy (service account)` for a service account, `Import (API key)` for an API key, `anonymous` or `system`.',
      resolve: labelOfActor,
    }),
    role: t.exposeString('role', {
      nullable: true,
      description: 'The name of the organization role of the caller at that time. Null if the caller had none.',
    }),
    credentialKind: t.field({
      type: CredentialKind,
      description: 'The kind of the credential that was used.',
      resolve: (event) => event.credentialKind as 'SESSION',
    }),
    credentialId: t.id({
      nullable: true,
      description: 'The ID of the session, API token or API key that was used. Null for an anonymous caller.',
      resolve: (event) => credentialIdOf(event),
    }),
    targetId: t.exposeID('targetId', {
      nullable: true,
      description: 'The ID of the object that the mutation is about. Null if it is not known.',
    }),
    targetIds: t.idList({
      description: `The IDs of all objects that the mutation touched, the target first: other changed objects, the project, and for a project role or a token its member or service account. At most ${MAX_TARGETS}. The filter \`targetId\` matches all of them.`,
      resolve: (event, _args, ctx) => targetIdsOf(ctx, event),
    }),
    before: t.field({
      type: 'JSON',
      nullable: true,
      description: `The target before the change. ${FIELDS} Null if it is new, and if the target was not changed.`,
      resolve: ({ before }, _args, ctx) => withoutHidden(ctx, before),
    }),
    after: t.field({
      type: 'JSON',
      nullable: true,
      description: `The target after the change. ${FIELDS} Null if it is deleted, and if the target was not changed.`,
      resolve: ({ after }, _args, ctx) => withoutHidden(ctx, after),
    }),
    related: t.field({
      type: [AuditChange],
      description: `The other objects that the mutation changed, such as the former Owner of \`transferOwnership\`. At most ${MAX_RELATED}. Objects whose reference to a deleted object was cleared are only in \`targetIds\`.`,
      // Nearly all events have none.
      complexity: { field: 1, multiplier: 2 },
      resolve: ({ related }) => related ?? [],
    }),
    input: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'The input of a mutation that was not allowed, or the filter of an export. Secrets, such as passwords, are replaced by `[redacted]`. Texts are cut after 500 characters, and lists after 50 items. If the input has more than 4,000 characters, `omitted` lists the names of the fields that are left out. Null for a mutation that was allowed.',
      resolve: ({ input }, _args, ctx) => withoutHidden(ctx, input),
    }),
    requestId: t.exposeString('requestId', {
      description: 'The ID of the request, as in the header `x-request-id` and in the log of the server.',
    }),
    ipAddress: t.exposeString('address', { description: 'The IP address of the caller.' }),
  }),
});

const AuditEventFilter = builder.inputType('AuditEventFilter', {
  description: 'Selects the audit events that match all given fields.',
  fields: (t) => ({
    actorId: t.id({
      description: 'The ID of the actor: of a member, service account, API key or user.',
    }),
    credentialId: t.id({ description: 'The ID of the session, API token or API key that was used.' }),
    action: t.stringList({
      description: `The names of mutations, such as \`createCheck\`. Matches events with any of them. At most ${MAX_VALUES}.`,
    }),
    permission: t.field({ type: 'Permission', description: 'The permission that the mutation requires.' }),
    targetId: t.id({
      description:
        'The ID of an object that the mutation touched. The ID of a project also matches what belongs to it.',
    }),
    outcome: t.field({
      type: [OutcomeEnum],
      description: 'The outcomes of the mutation. Matches events with any of them.',
    }),
    since: t.field({ type: 'DateTime', description: 'At or after this time.' }),
    until: t.field({ type: 'DateTime', description: 'Before this time.' }),
    requestId: t.string({ description: 'The ID of the request, as in the header `x-request-id`.' }),
  }),
});

const AuditEventOrderField = builder.enumType('AuditEventOrderField', {
  description: 'The field by which audit events are ordered.',
  values: { CREATED_AT: { description: 'By time.' } } as const,
});

const AuditEventOrder = builder.inputType('AuditEventOrder', {
  description: 'The order of audit events.',
  fields: (t) => ({
    field: t.field({
      type: AuditEventOrderField,
      required: true,
      defaultValue: 'CREATED_AT',
      description: 'The field by which the list is ordered.',
    }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: 'DESC',
      description: 'The direction of the order.',
    }),
  }),
});

builder.queryField('auditEvent', (t) =>
  t.field({
    type: AuditEvent,
    nullable: true,
    permission: 'audit_event:read',
    description: 'The audit event with this ID. Null if it does not exist or is not visible to the caller.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the audit event.' }) },
    resolve: (_root, { id }, ctx) => byId('evt', (uuid) => findAuditEvent(ctx, uuid))(id),
  }),
);

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      type: AuditEvent,
      nullable: true,
      permission: 'audit_event:read',
      description: 'The audit events of the organization, by default newest first.',
      args: {
        filter: t.arg({ type: AuditEventFilter, description: 'Which audit events to list. Defaults to all.' }),
        orderBy: t.arg({ type: AuditEventOrder, description: 'The order. Defaults to the newest first.' }),
      },
      resolve: (_root, { filter, orderBy, ...args }, ctx) =>
        listAuditEvents(ctx, filter ?? {}, args, orderBy?.direction !== 'ASC'),
    },
    connectionOf(AuditEvent),
  ),
);
