import { PERMISSIONS, type Permission } from './catalog.ts';

/** The permissions of a pattern: `resource:action` with `*` for either part, or `*` for all. Others match nothing. */
export function matchingPermissions(pattern: string): readonly Permission[] {
  // Only patterns that match something are cached. There are a few hundred of those.
  const cached = MATCHES.get(pattern);
  if (cached) return cached;
  const found = search(pattern);
  if (found.length > 0) MATCHES.set(pattern, found);
  return found;
}

const MATCHES = new Map<string, readonly Permission[]>();

function search(pattern: string): Permission[] {
  const [resource, action, ...rest] = partsOf(pattern);
  if (rest.length > 0) return [];
  return [...PERMISSIONS.values()]
    .map((row) => row.name)
    .filter((name) => {
      const [itsResource, itsAction] = name.split(':');
      return (resource === '*' || resource === itsResource) && (action === '*' || action === itsAction);
    });
}

/**
 * Whether the pattern `wider` matches all permissions that `pattern` matches. Compares the texts, so that the result also holds
 * for permissions that are added to the catalog.
 */
export function isCoveredBy(pattern: string, wider: string): boolean {
  const [resource, action] = partsOf(pattern);
  const [anyResource, anyAction] = partsOf(wider);
  return (anyResource === '*' || anyResource === resource) && (anyAction === '*' || anyAction === action);
}

const partsOf = (pattern: string): string[] => (pattern === '*' ? ['*', '*'] : pattern.split(':'));

const RESOURCES = [...new Set([...PERMISSIONS.keys()].map((name) => name.split(':')[0] as string))];
const ACTIONS = [...new Set([...PERMISSIONS.keys()].map((name) => name.split(':')[1] as string))];
const FORM = /^(\*|(\*|[a-z]+(_[a-z]+)*):(\*|[a-z]+(_[a-z]+)*))$/;

/** What is wrong with a pattern, as sentences with a suggestion. Null if it matches a row of the catalog. */
export function validatePattern(pattern: string): string | null {
  if (FORM.test(pattern) && matchingPermissions(pattern).length > 0) return null;
  const canonical = canonicalOf(pattern);
  if (canonical !== pattern && FORM.test(canonical) && matchingPermissions(canonical).length > 0)
    return `${JSON.stringify(pattern)} is spelled ${canonical}.`;
  return `${JSON.stringify(pattern)} matches no permission; did you mean ${nearest(canonical).join(', ')}?`;
}

/** Replaces dots, slashes, camelCase, hyphens, capitals and plurals by the spelling of the catalog. */
function canonicalOf(pattern: string): string {
  const [resource = '', ...actions] = pattern
    .trim()
    .slice(0, 100)
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll('-', '_')
    .split(/[:./]/);
  const singular = [resource, resource.replace(/s$/, ''), resource.replace(/ies$/, 'y')].find((name) =>
    RESOURCES.includes(name),
  );
  return [singular ?? resource, ...actions].join(':');
}

function nearest(pattern: string): readonly string[] {
  const [resource = '', action = ''] = pattern.split(':');
  if (RESOURCES.includes(resource)) return matchingPermissions(`${resource}:*`);
  return candidatesFor(resource, action)
    .map((name) => ({ name, distance: distanceOf(name, pattern.slice(0, 40)) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** A wrong action for all resources is compared with other actions for all resources. */
function candidatesFor(resource: string, action: string): readonly string[] {
  if (resource === '*') return ACTIONS.map((other) => `*:${other}`);
  return ACTIONS.includes(action) ? matchingPermissions(`*:${action}`) : [...PERMISSIONS.keys()];
}

/** The Levenshtein distance: the number of letters to insert, delete or replace. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
