/** A second implementation of the limits of credentials, for comparison. It uses no code of `src/access`. */
import { matches, projectRoleHas, type Row, reads, SPECIFICATION } from './specification.ts';

/** What an API token is narrowed to. Null for everything. */
export interface Narrowed {
  permissions: string[] | null;
  projects: string[] | null;
}

/** An API key, with a preset or with patterns. */
export interface Key {
  project: string;
  preset: 'SDK' | 'READ_ONLY' | 'FULL' | null;
  permissions: string[];
}

/** Whether a narrowed token may do this if its principal may. A token that is limited to projects may do nothing in the organization. */
export function leaves({ permissions, projects }: Narrowed, permission: string, target: string | null): boolean {
  if (projects !== null && (target === null || !projects.includes(target))) return false;
  if (permissions === null) return true;
  // No custom role grants it either.
  if (permission === 'organization:transfer') return false;
  return namedBy(permissions, permission) || (permission === 'project:read' && namesAnyOfProjects(permissions));
}

/** A key holds nothing outside its project and nothing of another level, whoever created it. */
export function keyAllows({ project, ...key }: Key, plan: string, row: Row, target: string | null): boolean {
  if (target !== project || !keyNames(key, row)) return false;
  // Patterns are a feature of the plan, as custom roles are. Presets are not.
  return plan !== 'FREE' || key.preset !== null || projectRoleHas('read', row);
}

const keyNames = (key: Omit<Key, 'project'>, row: Row): boolean =>
  row.level === 'project' && (namesLiterally(key, row) || (row.name === 'project:read' && namesAny(key)));

const namesAny = (key: Omit<Key, 'project'>): boolean =>
  SPECIFICATION.some((row) => row.level === 'project' && namesLiterally(key, row));

const SDK = ['trace:create', 'span:create', 'thread:create', 'prompt:read', 'prompt_version:read'];

function namesLiterally({ preset, permissions }: Omit<Key, 'project'>, { name }: Row): boolean {
  const isAboutAccess = name.startsWith('api_key:') || name.startsWith('project_member:');
  if (preset === 'SDK') return SDK.includes(name);
  if (preset === 'FULL') return !isAboutAccess;
  if (preset === 'READ_ONLY') return !isAboutAccess && reads(name);
  // No wildcard includes the permissions to manage keys.
  if (name.startsWith('api_key:') && name !== 'api_key:read') return permissions.includes(name);
  return namedBy(permissions, name);
}

const namedBy = (patterns: string[], permission: string): boolean => {
  for (const pattern of patterns) if (matches(pattern, permission)) return true;
  return false;
};

/** Each permission in a project implies project:read. */
const namesAnyOfProjects = (patterns: string[]): boolean =>
  SPECIFICATION.some(({ name, level }) => level === 'project' && namedBy(patterns, name));
