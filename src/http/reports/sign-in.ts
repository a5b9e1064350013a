import { randomBytes } from 'node:crypto';
import { listOwnOrganizations, signInToReports } from '../../resources/session/report-session.ts';
import type { HttpResponse } from '../response.ts';
import { addError } from '../trace.ts';
import { EXPIRED_FORM, formError, queryOf, type ReportCall, readForm, redirect, withNext } from './call.ts';
import { isFormToken, signFormToken } from './form-token.ts';
import { signInForm } from './forms.ts';
import { htmlResponse } from './layout.ts';
import { HOME, nextOf } from './next.ts';
import { anonymousContext, countAnonymous, formerSession, reportContext } from './session.ts';

/** Seconds for which the browser keeps the value that the form is bound to. */
const FORM_COOKIE = 3_600;

const ABOUT = 'Read the reports of your organization.';

/** The form. A person who is signed in is redirected to the page. */
export async function showSignIn(call: ReportCall): Promise<HttpResponse> {
  const next = nextOf(queryOf(call).get('next'));
  if (await reportContext(call, 1)) return redirect(call, next ?? HOME);
  return await form(call, next);
}

export async function signIn(call: ReportCall): Promise<HttpResponse> {
  await countAnonymous(call);
  const { dependencies, cookies, req, server } = call;
  const { identity, clock } = dependencies;
  const fields = readForm(call);
  const next = nextOf(fields.get('next'));
  const [email, password] = [fields.get('email') ?? '', fields.get('password') ?? ''];
  const browser = cookies.form(req);
  if (browser === null || !(await isFormToken(identity.keys, `browser ${browser}`, fields.get('token') ?? '')))
    return await form(call, next, email, EXPIRED_FORM);
  const ctx = anonymousContext(call);
  try {
    const former = await formerSession(call);
    const { token, expiresAt, userId } = await signInToReports(ctx, { email, password }, former);
    const cookie = cookies.setSession(token, (expiresAt.getTime() - clock().getTime()) / 1_000);
    const isOneOfSeveral = (await listOwnOrganizations(ctx, userId)).length > 1;
    return redirect(call, isOneOfSeveral ? withNext('/organization', next) : (next ?? HOME), cookie);
  } catch (error) {
    const shown = formError(error);
    if (!shown) throw error;
    addError(server.state.trace, (error as { extensions: Record<string, unknown> }).extensions);
    return await form(call, next, email, shown);
  }
}

/** The form, and the cookie that it is bound to. The forms of several tabs are bound to the same value. */
async function form(
  call: ReportCall,
  next: string | null,
  email = '',
  shown: ReturnType<typeof formError> = null,
): Promise<HttpResponse> {
  const { base, cookies, dependencies, req } = call;
  const browser = cookies.form(req) ?? randomBytes(32).toString('base64url');
  const token = await signFormToken(dependencies.identity.keys, `browser ${browser}`, dependencies.clock());
  const message = shown?.message ?? null;
  const title = message ? 'Error: Sign in' : 'Sign in';
  const body = signInForm({ base, token, next, email, message });
  return htmlResponse(
    shown?.status ?? 200,
    { base, title, heading: 'Sign in', about: ABOUT, viewer: null, narrow: true, body },
    { ...shown?.headers, 'set-cookie': cookies.setForm(browser, FORM_COOKIE) },
  );
}
