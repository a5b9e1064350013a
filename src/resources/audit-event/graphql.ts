import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { toPublicId } from '../../lib/ids.ts';
import { type AuditEventRow, findAuditEvent, listAuditEvents } from './service.ts';

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
    NONE: { description: 'No credential: the caller was anonymous.' },
  } as const,
});

const AuditEvent = builder.objectRef<AuditEventRow>('AuditEvent');

builder.node(AuditEvent, {
  description:
    'A record of one mutation, whether it succeeded or not. It is written in the same transaction as the change, and is never changed.',
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
      description: 'The permission that the mutation requires. Null if it requires none.',
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
        'The reason of a refusal, or the codes of the errors in the input, separated by spaces. Null if the change was made.',
    }),
    actor: t.exposeString('actor', {
      description:
        'The e-mail address of the caller at that time, or the name of the service account. `anonymous` for an anonymous caller.',
    }),
    actorId: t.id({
      nullable: true,
      description:
        'The ID of the user who made the request, also after the user has left. Null for a service account and for an anonymous caller.',
      resolve: (event) => event.userId && toPublicId('usr', event.userId),
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
      description: 'The ID of the session or API token that was used. Null for an anonymous caller.',
      resolve: (event) =>
        event.credentialId && toPublicId(event.credentialKind === 'SESSION' ? 'ses' : 'tok', event.credentialId),
    }),
    targetId: t.exposeID('targetId', {
      nullable: true,
      description: 'The ID of the object that the mutation is about. Null if it is not known.',
    }),
    before: t.expose('before', {
      type: 'JSON',
      nullable: true,
      description: 'The object before the change. Null if it is new, and if nothing was changed.',
    }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description: 'The object after the change. Null if it is deleted, and if nothing was changed.',
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
    action: t.string({ description: 'The name of the mutation, such as `createCheck`.' }),
    outcome: t.field({ type: OutcomeEnum, description: 'The outcome of the mutation.' }),
    actorId: t.id({ description: 'The ID of the user who made the request.' }),
    targetId: t.id({ description: 'The ID of the object that the mutation is about.' }),
  }),
});

builder.queryField('auditEvent', (t) =>
  t.field({
    type: AuditEvent,
    nullable: true,
    permission: 'audit_event:read',
    description: 'The audit event with this ID. Null if there is none.',
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
      description: 'The audit events of the organization, newest first.',
      args: {
        filter: t.arg({ type: AuditEventFilter, description: 'Which audit events to list. Defaults to all.' }),
      },
      resolve: (_root, { filter, ...args }, ctx) => {
        const { actorId, ...rest } = filter ?? {};
        return listAuditEvents(ctx, { ...rest, userId: actorId ?? null }, args);
      },
    },
    connectionOf(AuditEvent),
  ),
);
