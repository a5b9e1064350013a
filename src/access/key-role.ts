import type { ApiKeyPreset } from '../resources/api-token/table.ts';
import { isReading, PERMISSIONS, type Permission } from './catalog.ts';
import { compileStatements, customRole } from './compile.ts';
import type { Grants, Narrowing, Role } from './model.ts';
import { NO_TEAMS } from './ownership.ts';
import { matchingPermissions } from './pattern.ts';

/** Permissions that a key has only if its patterns list them. No wildcard includes them, so that few keys can manage keys. */
const ONLY_LITERALLY: ReadonlySet<Permission> = new Set(['api_key:create', 'api_key:update', 'api_key:delete']);

const isOfProject = (name: Permission): boolean => PERMISSIONS.get(name)?.level === 'project';

/** The permissions that the patterns give to a key: those of level `project`. */
export function permissionsOfKey(patterns: readonly string[]): ReadonlySet<Permission> {
  const listed = new Set(patterns);
  const matched = patterns.flatMap(matchingPermissions);
  const given = matched.filter((name) => isOfProject(name) && (!ONLY_LITERALLY.has(name) || listed.has(name)));
  return compiled('', [...new Set(given)]).allow;
}

const FULL: readonly Permission[] = [...PERMISSIONS.values()]
  .map(({ name }) => name)
  .filter((name) => isOfProject(name) && !/^(api_key|project_member):/.test(name));

/** The permissions of each preset. */
export const API_KEY_PRESETS: Record<ApiKeyPreset, readonly Permission[]> = {
  SDK: ['trace:create', 'span:create', 'thread:create', 'prompt:read', 'prompt_version:read'],
  READ_ONLY: FULL.filter(isReading),
  FULL,
};

const compiled = (name: string, permissions: readonly string[]): Role =>
  customRole(
    { id: '', name, description: null, projectId: null },
    compileStatements([{ effect: 'ALLOW', permissions: [...permissions] }]),
    [],
  );

/** The organization role of every API key. It grants nothing. */
const OUTSIDE: Role = { ...compiled('outside its project, an API key', []), isOfKey: true, decisions: {} };

/** The stored columns of an API key that determine what it grants. */
export interface KeyPermissions {
  name: string;
  preset: ApiKeyPreset | null;
  permissions: readonly string[];
}

/**
 * What an API key grants in its project. Null as `builtIn` means a custom role, so a plan without custom roles limits patterns
 * to what the role Read grants too.
 */
export const roleOfKey = ({ name, preset, permissions }: KeyPermissions): Role => ({
  ...compiled(`the API key ${name}`, [...permissionsOfKey(permissions)]),
  builtIn: preset,
  isOfKey: true,
  neverSuspended: true,
  decisions: {},
});

/** The grants of an API key: none in the organization, and one role in its project. */
export const grantsOfKey = (key: KeyPermissions, projectId: string, plan: Grants['plan']): Grants => ({
  plan,
  role: OUTSIDE,
  expired: null,
  projects: new Map([[projectId, roleOfKey(key)]]),
  teams: NO_TEAMS,
  validUntil: Number.POSITIVE_INFINITY,
});

/** The permissions that patterns match, with `project:read` if one of them implies it. */
export const permissionsOfPatterns = (patterns: readonly string[]): ReadonlySet<Permission> =>
  compiled('', patterns).allow;

/** What a token with these columns is narrowed to. Null if it is not narrowed. */
export function narrowingOf(
  permissions: readonly string[] | null,
  projectIds: readonly string[] | null,
): Narrowing | null {
  if (permissions === null && projectIds === null) return null;
  return {
    permissions: permissions && permissionsOfPatterns(permissions),
    projects: projectIds && new Set(projectIds),
  };
}
