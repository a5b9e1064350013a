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

/** A page for people, and the permission that it requires. */
interface ReportAccess {
  readonly permission: Permission;
  /** It is enough to have the permission on some services. The page contains only those. */
  readonly onSome?: true;
}

/** The pages for GET under `/reports`. A segment such as `:id` is a parameter. A browser reads them with a cookie. */
export const REPORTS = {
  '/reports/campaigns': { permission: 'campaign:read' },
  '/reports/campaigns/:id': { permission: 'campaign:read' },
  '/reports/campaigns/:id.csv': { permission: 'campaign:read' },
  '/reports/maturity': { permission: 'check_result:read', onSome: true },
  '/reports/maturity.csv': { permission: 'check_result:read', onSome: true },
} as const satisfies Record<string, ReportAccess>;

export type ReportPath = keyof typeof REPORTS;

export const reportAccessOf = (path: ReportPath): ReportAccess => REPORTS[path];

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
  ...Object.entries<ReportAccess>(REPORTS).flatMap(([path, required]) =>
    required.permission === permission ? [`GET ${path}`] : [],
  ),
];
