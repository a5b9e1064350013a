import type { Config } from '../config.ts';
import { DEMO_ACCOUNTS, DEMO_PASSWORD } from './demo.ts';

export interface Started {
  /** Whether the database has the demo organizations. */
  hasDemo: boolean;
  /** The one-time secret for the first account. Null if there is an account, or if everybody can sign up. */
  setupSecret: string | null;
}

/** The text that `npm start` prints when Ambit is ready. */
export function banner({ publicUrl, host }: Config, { hasDemo, setupSecret }: Started): string {
  const lines = ['', `  Ambit is ready: ${publicUrl}/graphql`, ''];
  if (hasDemo) lines.push(...demoLines(publicUrl));
  if (hasDemo && !isLoopback(host)) lines.push(...exposedLines(host));
  if (setupSecret) lines.push(...setupLines(publicUrl, setupSecret));
  return `${lines.join('\n')}\n`;
}

/** The same for a process that runs jobs only. */
export const workerBanner = ({ publicUrl }: Config): string =>
  `\n  Ambit is ready and runs jobs. Health checks: ${publicUrl}/health/ready\n\n`;

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** A command for a shell that sends the operation. */
const curl = (address: string, query: string): string =>
  `    curl -s ${address}/graphql -H 'content-type: application/json' -d '${JSON.stringify({ query })}'`;

function demoLines(address: string): string[] {
  const accounts = DEMO_ACCOUNTS.map(
    ({ email, role, organization }) => `    ${email.padEnd(20)} ${role} of ${organization}`,
  );
  const query = `mutation { signIn(input: { email: "admin@acme.test", password: "${DEMO_PASSWORD}" }) { session { accessToken } } }`;
  return [
    `  Demo accounts, password ${DEMO_PASSWORD}:`,
    ...accounts,
    '',
    '  Sign in from a shell:',
    curl(address, query),
    '',
    '  Ctrl-C stops Ambit and its database.',
    '',
  ];
}

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
  curl(
    address,
    `mutation { signUp(input: { email: "YOUR EMAIL", password: "YOUR PASSWORD", name: "YOUR NAME", setupSecret: "${secret}" }) { session { accessToken } errors { message } } }`,
  ),
  '',
];
