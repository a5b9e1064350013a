import { signOutOfReports } from '../../resources/session/report-session.ts';
import type { HttpResponse } from '../response.ts';
import { type ReportCall, readForm, redirect } from './call.ts';
import { isFormToken } from './form-token.ts';
import { formExpired } from './organization.ts';
import { anonymousContext, currentSession, reportContext } from './session.ts';

/** Ends the session. The cookie is deleted in any case, also if the session has ended before. */
export async function signOut(call: ReportCall): Promise<HttpResponse> {
  const ctx = await reportContext(call, 1);
  const fields = readForm(call);
  if (ctx) {
    const current = currentSession(ctx);
    const { keys } = call.dependencies.identity;
    if (!(await isFormToken(keys, `session ${current.sessionId}`, fields.get('token') ?? ''))) throw formExpired();
    await signOutOfReports(anonymousContext(call), current);
  }
  return redirect(call, '/sign-in', call.cookies.setSession(null, 0));
}
