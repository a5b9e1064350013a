import type { Permission } from './catalog.ts';

/** The endpoints for GET, except `/graphql` and the playground, and the permission that each requires. Null if it requires none. */
export const ENDPOINTS = {
  '/.well-known/jwks.json': null,
  '/audit-events.csv': 'audit_event:export',
  '/audit-events.jsonl': 'audit_event:export',
  '/health/live': null,
  '/health/ready': null,
  '/schema.graphql': null,
  '/services/export': 'service:read',
} as const satisfies Record<string, Permission | null>;

/** The endpoints for POST, except `/graphql`. They require no credential. */
export const POST_ENDPOINTS = ['/secrets/revoke'] as const;

export type PostPath = (typeof POST_ENDPOINTS)[number];

/** The endpoints for POST that take the secret of an integration as the rest of the path, and the type of the integration. */
export const EVENT_ENDPOINTS = {
  '/integrations/custom-event/': 'CUSTOM_EVENT',
  '/integrations/deploy/': 'DEPLOY',
} as const;

export type EventPath = keyof typeof EVENT_ENDPOINTS;

/** The endpoints for POST that read files of any length, and the permissions that each requires. */
export const UPLOADS = {
  '/services/import': ['service:create', 'service:update'],
} as const satisfies Record<string, readonly Permission[]>;

export type UploadPath = keyof typeof UPLOADS;

type Path = keyof typeof ENDPOINTS;

/** The paths of endpoints that require no permission, and of those that require one. */
export type OpenPath = { [P in Path]: (typeof ENDPOINTS)[P] extends null ? P : never }[Path];
export type ServicePath = { [P in Path]: (typeof ENDPOINTS)[P] extends 'service:read' ? P : never }[Path];
export type AuditPath = { [P in Path]: (typeof ENDPOINTS)[P] extends 'audit_event:export' ? P : never }[Path];

/** The endpoints that require the permission. */
export const endpointsWith = (permission: Permission): string[] => [
  ...Object.entries<Permission | null>(ENDPOINTS).flatMap(([path, required]) =>
    required === permission ? [`GET ${path}`] : [],
  ),
  ...Object.entries<readonly Permission[]>(UPLOADS).flatMap(([path, required]) =>
    required.includes(permission) ? [`POST ${path}`] : [],
  ),
];
