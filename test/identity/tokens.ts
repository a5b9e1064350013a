import type { Api, Caller, Json } from '../support/api.ts';
import { mutate } from '../support/world.ts';

export const INVALID = (...path: string[]): Json => ({ code: 'INVALID', path });

const FIELDS = `id name access permissions projects { id } addresses hint expiresAt lastUsedAt lastUsedAddress
  createdBy { id } createdWith { id } previousSecret { hint expiresAt }`;

/** Runs `createApiToken` or `rotateApiToken`, and returns the payload. */
export const tryCreate = (by: Caller, input: object): Promise<Json> =>
  mutate(by, 'createApiToken', { name: 'token', ...input }, `secret apiToken { ${FIELDS} }`);

export const tryRotate = (by: Caller, id: string, input: object = {}): Promise<Json> =>
  mutate(by, 'rotateApiToken', { id, ...input }, `secret apiToken { ${FIELDS} }`);

export type Token = Caller & { id: string; secret: string; row: Json };

function tokenOf(api: Api, answer: Json): Token {
  if (!answer.secret) throw new Error(JSON.stringify(answer));
  return { ...api.as(answer.secret), id: answer.apiToken.id, secret: answer.secret, row: answer.apiToken };
}

/** Creates a WRITE token that must be allowed. */
export const createToken = async (api: Api, by: Caller, input: object = {}): Promise<Token> =>
  tokenOf(api, await tryCreate(by, { access: 'WRITE', ...input }));

export const rotateToken = async (api: Api, by: Caller, id: string, input: object = {}): Promise<Token> =>
  tokenOf(api, await tryRotate(by, id, input));

/** The tokens in the list of the caller, by ID. */
export async function listed(by: Caller): Promise<Record<string, Json>> {
  const { data } = await by.query(`{ apiTokens(first: 500) { nodes { ${FIELDS} } } }`);
  return Object.fromEntries(data.apiTokens.nodes.map((row: Json) => [row.id, row]));
}
