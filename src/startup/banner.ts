import type { Config } from '../config.ts';
import { DEMO_ACCOUNTS, DEMO_PASSWORD } from './demo.ts';
import { DEMO_EVENT } from './demo-events.ts';

export interface Started {
  /** Whether the database has the demo organizations. */
  hasDemo: boolean;
  /** The secret of the URL for events of the demo. Null if the demo is older, because only the hash of the secret is stored. */
  demoSecret: string | null;
  /** The one-time secret for the first account. Null if there is an account, or if everybody can sign up. */
  setupSecret: string | null;
}

/** The text that `npm start` prints when Ambit is ready. */
export function banner({ publicUrl, host }: Config, { hasDemo, demoSecret, setupSecret }: Started): string {
  const lines = ['', `  Ambit is ready: ${publicUrl}/graphql`, ''];
  if (hasDemo) lines.push(...demoLines(publicUrl, demoSecret));
  if (hasDemo && !isLoopback(host)) lines.push(...exposedLines(host));
  if (setupSecret) lines.push(...setupLines(publicUrl, setupSecret));
  return `${lines.join('\n')}\n`;
}

/** The same for a process that runs jobs only. */
export const workerBanner = ({ publicUrl }: Config): string =>
  `\n  Ambit is ready and runs jobs. Health checks: ${publicUrl}/health/ready\n\n`;

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** A command for a shell that sends JSON. */
const curl = (url: string, body: object): string =>
  `    curl -s ${url} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;

function demoLines(address: string, secret: string | null): string[] {
  const accounts = DEMO_ACCOUNTS.map(
    ({ email, role, organization }) => `    ${email.padEnd(20)} ${role} of ${organization}`,
  );
  const query = `mutation { signIn(input: { email: "admin@acme.test", password: "${DEMO_PASSWORD}" }) { session { accessToken } } }`;
  return [
    `  Demo accounts, password ${DEMO_PASSWORD}:`,
    ...accounts,
    '',
    '  Sign in from a shell:',
    curl(`${address}/graphql`, { query }),
    '',
    ...(secret === null ? [] : eventLines(address, secret)),
    `  Reports for people: ${address}/reports`,
    '',
    '  Ctrl-C stops Ambit and its database.',
    '',
  ];
}

const eventLines = (address: string, secret: string): string[] => [
  '  Send an event, after which a service passes a check. The secret of the URL is shown at the first start only:',
  curl(`${address}/integrations/custom-event/${secret}`, DEMO_EVENT),
  '',
];

const exposedLines = (host: string): string[] => [
  `  Warning: HOST=${host} lets other machines connect, and everybody knows the password of the demo accounts.`,
  '  For a server of your own, set NODE_ENV=production, ENCRYPTION_KEY, and DATA_DIR to an empty folder, or set DATABASE_URL.',
  '',
];

const setupLines = (address: string, secret: string): string[] => [
  '  There is no account yet. This secret creates the first one. It works once:',
  `    ${secret}`,
  '',
  '  Create the account from a shell:',
  curl(`${address}/graphql`, {
    query: `mutation { signUp(input: { email: "YOUR EMAIL", password: "YOUR PASSWORD", name: "YOUR NAME", setupSecret: "${secret}" }) { session { accessToken } errors { message } } }`,
  }),
  '',
];
