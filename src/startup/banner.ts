import { DEMO_ACCOUNTS, DEMO_PASSWORD } from './demo.ts';

/** The text that `npm start` prints when Ambit is ready. */
export function banner(address: string, hasDemo: boolean): string {
  const lines = ['', `  Ambit is ready: ${address}/graphql`, ''];
  if (hasDemo) lines.push(...demoLines(address));
  return `${lines.join('\n')}\n`;
}

function demoLines(address: string): string[] {
  const accounts = DEMO_ACCOUNTS.map(
    ({ email, role, organization }) => `    ${email.padEnd(20)} ${role} of ${organization}`,
  );
  const query = `mutation { signIn(input: { email: "admin@acme.test", password: "${DEMO_PASSWORD}" }) { session { accessToken } } }`;
  const body = JSON.stringify({ query });
  return [
    `  Demo accounts, password ${DEMO_PASSWORD}:`,
    ...accounts,
    '',
    '  Sign in from a shell:',
    `    curl -s ${address}/graphql -H 'content-type: application/json' -d '${body}'`,
    '',
    '  Ctrl-C stops Ambit and its database.',
    '',
  ];
}
