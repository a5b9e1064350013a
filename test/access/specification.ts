import { readFileSync } from 'node:fs';

export interface Row {
  name: string;
  level: string;
  leastRole: string;
  leastProjectRole: string;
  description: string;
}

/** The specification of the built-in roles. Edited by hand, by a person who means to change who may do what. */
export const SPECIFICATION: Row[] = readFileSync('test/golden/permissions.tsv', 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [name = '', level = '', leastRole = '', leastProjectRole = '', description = ''] = line.split('\t');
    return { name, level, leastRole, leastProjectRole, description };
  });

export function rowOf(permission: string): Row | undefined {
  for (const row of SPECIFICATION) if (row.name === permission) return row;
  return undefined;
}

/** What a READ token allows. */
export const reads = (permission: string): boolean =>
  ['read', 'read_content', 'export'].includes(permission.split(':')[1] ?? '');

const ORGANIZATION_LADDER = ['guest', 'read', 'user', 'write', 'admin', 'owner'];
const PROJECT_LADDER = ['read', 'member', 'manager', 'owner'];

export const organizationRoleHas = (role: string, row: Row): boolean =>
  ORGANIZATION_LADDER.indexOf(role) >= ORGANIZATION_LADDER.indexOf(row.leastRole);

export function projectRoleHas(role: string, row: Row): boolean {
  if (role === 'write')
    return row.leastProjectRole === 'read' || (row.level === 'project' && organizationRoleHas('write', row));
  if (row.leastProjectRole === '-') return false;
  return PROJECT_LADDER.indexOf(role) >= PROJECT_LADDER.indexOf(row.leastProjectRole);
}

/** The permissions that a pattern matches. An invalid pattern matches none. */
export function matches(pattern: string, permission: string): boolean {
  const colon = permission.indexOf(':');
  const spellings = ['*', '*:*', permission, `${permission.slice(0, colon)}:*`, `*${permission.slice(colon)}`];
  return spellings.includes(pattern);
}
