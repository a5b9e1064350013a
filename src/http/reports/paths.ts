import { REPORTS, type ReportPath } from '../../access/endpoints.ts';

/** The folder of the reports and of their forms. */
export const ROOT = '/reports';

export const isReport = (path: string): boolean => path === ROOT || path.startsWith(`${ROOT}/`);

/** The forms. They change sessions, and require no permission. */
export const FORMS = ['/reports/sign-in', '/reports/sign-out', '/reports/organization'] as const;

export type FormPath = (typeof FORMS)[number];

export const isForm = (path: string): path is FormPath => (FORMS as readonly string[]).includes(path);

export interface MatchedReport {
  path: ReportPath;
  params: Record<string, string>;
}

/** The values of the segments such as `:id` and `:id.csv`. Null if the path does not match the pattern. A value contains no escape. */
function match(pattern: string, path: string): Record<string, string> | null {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? '';
    const [, name, suffix = ''] = /^:(\w+)(\.\w+)?$/.exec(segment) ?? [];
    const own = value.slice(0, value.length - suffix.length);
    if (name && value.endsWith(suffix) && /^[\w-]{1,64}$/.test(own)) params[name] = own;
    else if (segment !== value) return null;
  }
  return params;
}

export function findReport(path: string): MatchedReport | null {
  for (const pattern of Object.keys(REPORTS) as ReportPath[]) {
    const params = match(pattern, path);
    if (params) return { path: pattern, params };
  }
  return null;
}

/** The route for the log: the pattern of the path. Null for a path that does not exist. */
export const routeOfReport = (path: string): string | null =>
  path === ROOT || isForm(path) ? path : (findReport(path)?.path ?? null);

/** The path of the reports as browsers see it. A proxy can serve Ambit in a folder, which `PUBLIC_URL` names. */
export const baseOf = (publicUrl: string): string => `${new URL(publicUrl).pathname.replace(/\/+$/, '')}${ROOT}`;
