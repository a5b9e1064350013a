import type { Permission } from './catalog.ts';

/** The endpoints for GET, except `/graphql` and the playground, and the permission that each requires. Null if it requires none. */
export const ENDPOINTS = {
  '/.well-known/jwks.json': null,
  '/audit-events.csv': 'audit_event:export',
  '/audit-events.jsonl': 'audit_event:export',
  '/health/live': null,
  '/health/ready': null,
  '/schema.graphql': null,
} as const satisfies Record<string, Permission | null>;

/** The endpoints for POST, except `/graphql`. They require no credential. */
export const POST_ENDPOINTS = ['/secrets/revoke'] as const;

export type PostPath = (typeof POST_ENDPOINTS)[number];

type Path = keyof typeof ENDPOINTS;

/** The paths of endpoints that require no permission, and of those that require one. */
export type OpenPath = { [P in Path]: (typeof ENDPOINTS)[P] extends null ? P : never }[Path];
export type GuardedPath = Exclude<Path, OpenPath>;

/** The endpoints that require the permission. */
export const endpointsWith = (permission: Permission): string[] =>
  Object.entries<Permission | null>(ENDPOINTS)
    .filter(([, required]) => required === permission)
    .map(([path]) => `GET ${path}`);
