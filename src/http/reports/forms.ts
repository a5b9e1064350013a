import { createElement as h, type ReactNode } from 'react';
import type { OfferedOrganization } from '../../resources/session/report-session.ts';

/** The fields that each form has. */
export interface FormFields {
  base: string;
  /** The CSRF token. */
  token: string;
  /** The page that opens afterwards. */
  next: string | null;
}

const ERROR = 'error';

const problem = (message: string | null): ReactNode =>
  message && h('p', { id: ERROR, className: 'error', role: 'alert' }, message);

const hidden = (name: string, value: string | null): ReactNode =>
  value === null ? null : h('input', { type: 'hidden', name, value });

const describedBy = (message: string | null) => (message ? { 'aria-invalid': true, 'aria-describedby': ERROR } : {});

interface SignInForm extends FormFields {
  email: string;
  message: string | null;
}

export const signInForm = ({ base, token, next, email, message }: SignInForm): ReactNode =>
  h(
    'form',
    { method: 'post', action: `${base}/sign-in` },
    problem(message),
    hidden('token', token),
    hidden('next', next),
    h('label', { htmlFor: 'email' }, 'E-mail address'),
    h('input', {
      id: 'email',
      name: 'email',
      type: 'email',
      autoComplete: 'username',
      required: true,
      maxLength: 254,
      defaultValue: email,
      ...describedBy(message),
    }),
    h('label', { htmlFor: 'password' }, 'Password'),
    h('input', {
      id: 'password',
      name: 'password',
      type: 'password',
      autoComplete: 'current-password',
      required: true,
      maxLength: 256,
      ...describedBy(message),
    }),
    h('button', { type: 'submit' }, 'Sign in'),
  );

interface OrganizationForm extends FormFields {
  organizations: readonly OfferedOrganization[];
  currentId: string | null;
  message: string | null;
}

export const organizationForm = (form: OrganizationForm): ReactNode =>
  h(
    'form',
    { method: 'post', action: `${form.base}/organization` },
    problem(form.message),
    hidden('token', form.token),
    hidden('next', form.next),
    h(
      'fieldset',
      { 'aria-describedby': form.message ? ERROR : undefined },
      h('legend', null, 'Show the reports of'),
      form.organizations.map(({ id, name }) =>
        h(
          'label',
          { key: id, className: 'choice' },
          h('input', {
            type: 'radio',
            name: 'organizationId',
            value: id,
            required: true,
            defaultChecked: id === form.currentId,
          }),
          name,
        ),
      ),
    ),
    h('button', { type: 'submit' }, 'Continue'),
  );
