import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { toPublicId } from '../../lib/ids.ts';
import { type AuditEventRow, findAuditEvent, listAuditEvents } from './service.ts';

const OutcomeEnum = builder.enumType('AuditOutcome', {
  description: 'How a mutation ended.',
  values: {
    ALLOWED: { description: 'It was done.' },
    REFUSED: { description: 'The caller may not do it, or its target does not exist for them. Nothing was changed.' },
    REJECTED: { description: 'The input was wrong. Nothing was changed.' },
    FAILED: { description: 'The server failed. Nothing was changed.' },
  } as const,
});

const CredentialKind = builder.enumType('CredentialKind', {
  description: 'What a caller shows to say who they are.',
  values: {
    SESSION: { description: 'The access token of a session.' },
    API_TOKEN: { description: 'An API token.' },
    NONE: { description: 'Nothing: an anonymous caller.' },
  } as const,
});

export { CredentialKind };

const AuditEvent = builder.objectRef<AuditEventRow>('AuditEvent');

builder.node(AuditEvent, {
  description: 'One mutation, done or refused. Events are written with the change itself and never altered.',
  permission: 'audit_event:read',
  id: { resolve: (event) => event.id },
  loadWithoutCache: (id, ctx) => findAuditEvent(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it happened.' }),
    action: t.exposeString('action', { description: 'The mutation field, such as `createCheck`.' }),
    permission: t.field({
      type: 'Permission',
      nullable: true,
      description: 'The permission that the field asks for; null where it asks for none.',
      resolve: (event) => event.permission,
    }),
    outcome: t.field({ type: OutcomeEnum, description: 'How it ended.', resolve: (event) => event.outcome }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Code of the refusal, or codes of the errors in the input.',
    }),
    actor: t.exposeString('actor', { description: 'E-mail address of who asked, as it was then.' }),
    actorId: t.id({
      nullable: true,
      description: 'The user who asked. The id stays when the user leaves.',
      resolve: (event) => event.userId && toPublicId('usr', event.userId),
    }),
    role: t.exposeString('role', { nullable: true, description: 'The organization role that they had then.' }),
    credentialKind: t.field({
      type: CredentialKind,
      description: 'What they showed.',
      resolve: (event) => event.credentialKind as 'SESSION',
    }),
    credentialId: t.id({
      nullable: true,
      description: 'The session or API token that they showed.',
      resolve: (event) =>
        event.credentialId && toPublicId(event.credentialKind === 'SESSION' ? 'ses' : 'tok', event.credentialId),
    }),
    targetId: t.exposeID('targetId', { nullable: true, description: 'What it was about, as far as that is known.' }),
    before: t.expose('before', { type: 'JSON', nullable: true, description: 'The target before; null for a new one.' }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description: 'The target afterwards; null for a deleted one.',
    }),
    requestId: t.exposeString('requestId', {
      description: 'The `x-request-id` of the request, as in the server’s log.',
    }),
    address: t.exposeString('address', { description: 'Network address of who asked.' }),
  }),
});

const AuditEventFilter = builder.inputType('AuditEventFilter', {
  description: 'Which events to list. What is omitted does not count.',
  fields: (t) => ({
    action: t.string({ description: 'The mutation field, such as `createCheck`.' }),
    outcome: t.field({ type: OutcomeEnum, description: 'How it ended.' }),
    actorId: t.id({ description: 'The user who asked.' }),
    targetId: t.id({ description: 'What it was about.' }),
  }),
});

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      type: AuditEvent,
      nullable: true,
      permission: 'audit_event:read',
      description: 'What was done and refused in the organization, the newest first.',
      args: { filter: t.arg({ type: AuditEventFilter, description: 'Which events to list; all unless told.' }) },
      resolve: (_root, { filter, ...args }, ctx) => {
        const { actorId, ...rest } = filter ?? {};
        return listAuditEvents(ctx, { ...rest, userId: actorId ?? null }, args);
      },
    },
    connectionOf(AuditEvent),
  ),
);
