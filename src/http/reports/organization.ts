import type { Context } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { listOwnOrganizations, switchReportOrganization } from '../../resources/session/report-session.ts';
import type { HttpResponse } from '../response.ts';
import { addError } from '../trace.ts';
import { EXPIRED_FORM, formError, queryOf, type ReportCall, readForm, redirect, withNext } from './call.ts';
import { isFormToken } from './form-token.ts';
import { organizationForm } from './forms.ts';
import { htmlResponse } from './layout.ts';
import { HOME, nextOf } from './next.ts';
import { anonymousContext, currentSession, reportContext, viewerOf } from './session.ts';

/** The form that offers the organizations of the person. */
export async function showOrganizations(call: ReportCall): Promise<HttpResponse> {
  const ctx = await reportContext(call, 1);
  const next = nextOf(queryOf(call).get('next'));
  return ctx ? await form(call, ctx, next) : redirect(call, withNext('/sign-in', next));
}

/** Binds the session to the chosen organization. */
export async function chooseOrganization(call: ReportCall): Promise<HttpResponse> {
  const ctx = await reportContext(call, 1);
  const fields = readForm(call);
  const next = nextOf(fields.get('next'));
  if (!ctx) return redirect(call, withNext('/sign-in', next));
  const current = currentSession(ctx);
  const { identity, clock } = call.dependencies;
  if (!(await isFormToken(identity.keys, `session ${current.sessionId}`, fields.get('token') ?? '')))
    return await form(call, ctx, next, EXPIRED_FORM);
  const chosen = fields.get('organizationId') ?? '';
  if (chosen === organizationIdOf(ctx)) return redirect(call, next ?? HOME);
  try {
    const { token, expiresAt } = await switchReportOrganization(anonymousContext(call), current, chosen);
    const cookie = call.cookies.setSession(token, (expiresAt.getTime() - clock().getTime()) / 1_000);
    return redirect(call, next ?? HOME, cookie);
  } catch (error) {
    const shown = formError(error);
    if (!shown) throw error;
    addError(call.server.state.trace, (error as AmbitError).extensions);
    return await form(call, ctx, next, shown);
  }
}

const organizationIdOf = ({ unit: { actor } }: Context): string | null =>
  actor.organization && toPublicId('org', actor.organization.id);

async function form(
  call: ReportCall,
  ctx: Context,
  next: string | null,
  shown: ReturnType<typeof formError> = null,
): Promise<HttpResponse> {
  const { base } = call;
  const viewer = await viewerOf(ctx);
  const organizations = await listOwnOrganizations(ctx, currentSession(ctx).userId);
  const message = shown?.message ?? null;
  const fields = { base, token: viewer.formToken, next, message };
  const body = organizationForm({ ...fields, organizations, currentId: organizationIdOf(ctx) });
  const title = message ? 'Error: Organization' : 'Organization';
  return htmlResponse(
    shown?.status ?? 200,
    { base, title, heading: 'Organization', viewer, narrow: true, body },
    shown?.headers,
  );
}

/** The error of a form that only has a button. */
export const formExpired = (): AmbitError =>
  new AmbitError('BAD_REQUEST', EXPIRED_FORM.message, { http: { status: EXPIRED_FORM.status } });
