import type { ChecksQuery, CreateCategoryMutationVariables } from '../generated/plugins/operations';
import type { ErrorCode } from '../generated/plugins/schema';
import type { Ask } from './ask';

const QUERY =
  'query Checks($first: Int!) { checks(first: $first) { totalCount nodes { name createdAt viewerPermissions } } }';

export const variables: CreateCategoryMutationVariables = { input: { name: 'Plugins' } };
// @ts-expect-error `name` is a text.
export const wrong: CreateCategoryMutationVariables = { input: { name: 1 } };

export const refused: ErrorCode = 'FORBIDDEN';
// @ts-expect-error This code does not exist.
export const unknown: ErrorCode = 'FORBIDEN';

export async function plugins(ask: Ask): Promise<number | undefined> {
  const { checks } = await ask<ChecksQuery>(QUERY, { first: 3 });
  const [first] = checks?.nodes ?? [];
  const createdAt: string | undefined = first?.createdAt;
  const mayRead = first?.viewerPermissions.includes('check:read');
  // @ts-expect-error A misspelt permission does not compile.
  first?.viewerPermissions.includes('check:udpate');
  return createdAt && mayRead ? checks?.nodes.length : undefined;
}
