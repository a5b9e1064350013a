import { VARIABLES } from '../../config/variables.ts';
import { type Config, ConfigError, encryptionOf, readConfig } from '../../config.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

type Environment = Record<string, string | undefined>;

export interface Configuration {
  /** The configuration, with the defaults in place of invalid variables. */
  config: Config;
  /** The names of the invalid variables. */
  invalid: ReadonlySet<string>;
  findings: Finding[];
}

/** Reads the configuration. Each problem is a finding, so that the checks that do not depend on it still run. */
export function examineConfiguration(environment: Environment): Configuration {
  const problems = problemsOf(() => encryptionOf(readConfig(environment)));
  const invalid = new Set(problems.map((problem) => problem.split(':', 1)[0] ?? ''));
  const valid = Object.entries(environment).filter(([name]) => !invalid.has(name));
  // A valid variable can require one of the invalid ones. Then all have their defaults.
  const remaining = Object.fromEntries(valid);
  const config = readConfig(problemsOf(() => readConfig(remaining)).length > 0 ? {} : remaining);
  if (problems.length > 0) return { config, invalid, findings: problems.map((problem) => fail(`${problem}.`)) };
  const set = Object.keys(VARIABLES).filter((name) => environment[name]);
  const mode = config.production ? 'production' : 'not production';
  const findings = [ok(`${set.length} of ${Object.keys(VARIABLES).length} variables are set, all valid (${mode}).`)];
  return { config, invalid, findings: [...findings, ...adviceFor(config, environment).map(warn)] };
}

function problemsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

/** Warnings about values that are valid, but wrong for most installations. */
function adviceFor(config: Config, { PUBLIC_URL, MAIL_FROM }: Environment): string[] {
  const { production, publicUrl, smtpUrl, trustedProxies } = config;
  const advice: string[] = [];
  if (smtpUrl && !MAIL_FROM)
    advice.push('MAIL_FROM is not set, and mail servers reject ambit@localhost. Set it to an address of your domain.');
  if (!production) return advice;
  if (!PUBLIC_URL)
    advice.push(`PUBLIC_URL is not set, so access tokens name ${publicUrl}. Set it to the URL that clients use.`);
  else if (!publicUrl.startsWith('https:'))
    advice.push('PUBLIC_URL begins with http, so clients send credentials unencrypted. Use https.');
  else if (trustedProxies.length === 0)
    advice.push(
      'PUBLIC_URL begins with https, and TRUSTED_PROXIES is not set. All clients share the limits of the proxy that ends TLS. Set it to the address of the proxy.',
    );
  return advice;
}
