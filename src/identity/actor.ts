import type { BuiltInRole } from '../access/catalog.ts';
import type { Access as TokenAccess } from '../resources/api-token/table.ts';

export interface Credential {
  kind: 'SESSION' | 'API_TOKEN';
  id: string;
  access: TokenAccess;
  expiresAt: Date | null;
}

/** Who asks: everything about them that a request may rely on, read anew for each request. */
export interface Actor {
  /** Null for an anonymous caller; then all else is null as well. */
  credential: Credential | null;
  user: { id: string; email: string; name: string } | null;
  /** The organization that the credential is bound to; null while the user belongs to none. */
  organization: { id: string; slug: string; name: string } | null;
  member: { id: string; role: BuiltInRole } | null;
}

export const ANONYMOUS: Actor = { credential: null, user: null, organization: null, member: null };
