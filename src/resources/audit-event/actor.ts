import { CREDENTIAL_PREFIXES, type CredentialKind } from '../../identity/actor.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { AuditEventRow } from './service.ts';
import type { ActorKind } from './table.ts';

/** The kind of the actor. Events of earlier versions do not have it, and it follows from their other columns. */
export function actorKindOf({ actorKind, userId, credentialKind }: AuditEventRow): ActorKind {
  if (actorKind) return actorKind;
  if (userId) return 'MEMBER';
  return credentialKind === 'NONE' ? 'ANONYMOUS' : 'SERVICE_ACCOUNT';
}

const PREFIXES: Partial<Record<ActorKind, string>> = { SERVICE_ACCOUNT: 'sva', API_KEY: 'key' };

/** The public ID of the actor: of the member, service account or API key, or else of the user. */
export function actorIdOf(event: AuditEventRow): string | null {
  const { principalId, userId } = event;
  if (principalId) return toPublicId(PREFIXES[actorKindOf(event)] ?? 'mem', principalId);
  return userId && toPublicId('usr', userId);
}

/** The public ID of the credential that was used. Null without one. */
export const credentialIdOf = ({ credentialKind, credentialId }: AuditEventRow): string | null =>
  credentialId && toPublicId(CREDENTIAL_PREFIXES[credentialKind as CredentialKind], credentialId);

/** The name of the actor alone. */
export const nameOfActor = ({ actorName, actor }: AuditEventRow): string => actorName ?? actor;

export const emailOfActor = (event: AuditEventRow): string | null => (event.userId ? event.actor : null);

/**
 * The actor as one text. The address of a person and the words for other kinds are added here, so that no name can look
 * like another kind of actor.
 */
export function labelOfActor(event: AuditEventRow): string {
  const kind = actorKindOf(event);
  if (kind === 'ANONYMOUS' || kind === 'SYSTEM') return kind.toLowerCase();
  if (kind === 'SERVICE_ACCOUNT') return `${event.actor} (service account)`;
  if (kind === 'API_KEY') return `${event.actor} (API key)`;
  return event.actorName === null ? `<${event.actor}>` : `${event.actorName} <${event.actor}>`;
}
