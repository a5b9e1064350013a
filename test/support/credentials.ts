import { fromPublicId, newId, type toPublicId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import type { Api, Caller } from './api.ts';

/** A new API token of the principal with this ID, or an API key of the project with this ID, as it is stored. */
export interface StoredCredential {
  organizationId: string;
  holder: { memberId: string } | { serviceAccountId: string } | { projectId: string };
  access?: 'READ' | 'WRITE';
  preset?: 'SDK' | 'READ_ONLY' | 'FULL' | null;
  permissions?: readonly string[] | null;
  /** IDs of projects. */
  projects?: readonly string[] | null;
  addresses?: readonly string[] | null;
  expiresAt?: Date | null;
}

/** Inserts an API token or an API key with SQL, for a test that is not about its creation. */
export async function insertCredential(
  api: Api,
  { organizationId, holder, access = 'WRITE', preset = null, ...limits }: StoredCredential,
): Promise<Caller & { uuid: string }> {
  const { permissions = null, projects = null, addresses = null, expiresAt = null } = limits;
  const ofKey = 'projectId' in holder;
  const secret = newSecret(ofKey ? 'ambit_key_' : 'ambit_pat_');
  const [organization, uuid] = [uuidOf('org', organizationId), newId()];
  const principal = 'memberId' in holder ? uuidOf('mem', holder.memberId) : null;
  const account = 'serviceAccountId' in holder ? uuidOf('sva', holder.serviceAccountId) : null;
  await api.root`
    insert into api_tokens (organization_id, id, name, hash, access, principal_id, project_id, preset, permissions, project_ids, addresses, expires_at)
    values (${organization}, ${uuid}, ${uuid}, ${hashSecret(secret)}, ${access}, ${principal ?? account},
      ${ofKey ? uuidOf('prj', holder.projectId) : null}, ${preset}, ${permissions as string[] | null},
      ${projects?.map((id) => uuidOf('prj', id)) ?? null},
      ${addresses as string[] | null}, ${expiresAt})`;
  await api.root`
    insert into organization_secrets (hash, organization_id) values (${hashSecret(secret)}, ${organization})`;
  return { ...api.as(secret), uuid };
}

const uuidOf = (prefix: Parameters<typeof toPublicId>[0], id: string): string => fromPublicId(prefix, id) ?? '';
