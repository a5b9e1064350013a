/**
 * @typedef {ReturnType<typeof import('./session.js').createSession>} SessionOfTab
 * @typedef {{ password: string, accounts: { email: string, label: string }[] }} Demo
 */

/** Creates an element. Texts are never parsed as HTML. @param {string} tag @param {Record<string, string>} attributes @param {(Node | string)[]} children */
function element(tag, attributes, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/** @param {string} label @param {Record<string, string>} attributes */
const field = (label, attributes) => element('label', {}, label, element('input', attributes));

/** The list of demo accounts. A choice fills in the form. @param {Demo} demo @param {HTMLFormElement} form */
function demoAccounts({ accounts, password }, form) {
  const options = accounts.map(({ email, label }) => element('option', { value: email }, label));
  const list = element('select', { name: 'demo' }, element('option', { value: '' }, 'Choose'), ...options);
  list.addEventListener('change', () => {
    const email = /** @type {HTMLSelectElement} */ (list).value;
    /** @type {HTMLInputElement} */ (form.elements.namedItem('email')).value = email;
    /** @type {HTMLInputElement} */ (form.elements.namedItem('password')).value = email && password;
  });
  return element('label', {}, 'Demo account', list);
}

/** @param {SessionOfTab} session @param {Demo | null} demo @param {(message: string) => void} report */
function signInForm(session, demo, report) {
  const form = /** @type {HTMLFormElement} */ (element('form', { method: 'post' }));
  if (demo) form.append(demoAccounts(demo, form));
  form.append(
    field('E-mail', { name: 'email', type: 'email', required: '', autocomplete: 'username' }),
    field('Password', { name: 'password', type: 'password', required: '', autocomplete: 'current-password' }),
    field('Organization', { name: 'organization', placeholder: 'slug, optional', autocomplete: 'organization' }),
    element('button', { type: 'submit' }, 'Sign in'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const text = (/** @type {string} */ name) => String(given.get(name) ?? '');
    const organizationSlug = text('organization').trim();
    const input = { email: text('email').trim(), password: text('password') };
    report('');
    const refused = await session
      .signIn({ ...input, ...(organizationSlug && { organizationSlug }) })
      .catch((/** @type {Error} */ error) => `The request failed: ${error.message}`);
    if (refused !== null) report(refused);
  });
  return form;
}

/** @param {SessionOfTab} session */
function signedIn(session) {
  const { email, organization } = /** @type {import('./session.js').Session} */ (session.current());
  const button = element('button', { type: 'button' }, 'Sign out');
  button.addEventListener('click', () => session.signOut());
  return element(
    'p',
    {},
    'Signed in as ',
    element('b', {}, email),
    organization ? ` in ${organization}` : ', in no organization',
    button,
  );
}

/** Shows who is signed in, or the form to sign in. @param {SessionOfTab} session @param {Demo | null} demo @param {string} message */
export function showPanel(session, demo, message) {
  const status = element('p', { role: 'status' }, message);
  const report = (/** @type {string} */ text) => status.replaceChildren(text);
  const content = session.current() ? signedIn(session) : signInForm(session, demo, report);
  document.querySelector('#panel')?.replaceChildren(element('h1', {}, 'Ambit'), content, status);
}
