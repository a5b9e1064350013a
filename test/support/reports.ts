import { credentialOf } from '../identity/support.ts';
import type { Api, Caller } from './api.ts';
import { queryData } from './world.ts';

const HOUR = 3_600_000;

/** A cookie that opens the reports for the person, without the sign-in form. It is bound to the session of the caller. */
export async function reportCookie(api: Api, person: Caller): Promise<string> {
  const { viewer } = await queryData(person, '{ viewer { user { id } organization { id } } }');
  const claims = { sub: viewer.user.id, sid: await credentialOf(person), org: viewer.organization.id };
  const token = await api.app.dependencies.identity.keys.sign('reports', claims, new Date(Date.now() + HOUR));
  return `ambit_reports=${token}`;
}

/** Requests a page as a browser that has the cookie. */
export const openReport = (api: Api, path: string, cookie?: string): Promise<Response> =>
  fetch(`${api.address}${path}`, { redirect: 'manual', headers: { ...(cookie && { cookie }) } });
