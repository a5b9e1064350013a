import type { Permission } from './catalog.ts';

/** The HTTP endpoints beside `/graphql` and the playground, and the permission that each requires. Null if it requires none. */
export const ENDPOINTS = {
  '/.well-known/jwks.json': null,
  '/health/live': null,
  '/health/ready': null,
  '/schema.graphql': null,
} as const satisfies Record<string, Permission | null>;

export type EndpointPath = keyof typeof ENDPOINTS;

/** The endpoints that require the permission. */
export const endpointsWith = (permission: Permission): string[] =>
  Object.entries<Permission | null>(ENDPOINTS)
    .filter(([, required]) => required === permission)
    .map(([path]) => `GET ${path}`);
