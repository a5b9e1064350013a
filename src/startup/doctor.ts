import { examine, NAME_WIDTH } from './doctor/examine.ts';
import type { Finding } from './doctor/finding.ts';
import { linesOf, redact, secretsOf, summaryOf } from './doctor/report.ts';

/** Whether to use colours: on a terminal, unless NO_COLOR is set (no-color.org). */
const color = process.stdout.isTTY === true && !process.env['NO_COLOR'];

/** Checks the installation and prints what it finds. The exit code is 1 if something fails. */
async function doctor(): Promise<void> {
  const findings: Finding[] = [];
  const secrets = secretsOf(process.env);
  const print = (text: string): void => void process.stdout.write(redact(text, secrets));
  await examine(process.env, (result) => {
    findings.push(...result.findings);
    print(linesOf(result, { color, width: NAME_WIDTH }));
  });
  print(summaryOf(findings));
  // A check that did not end may still hold a connection.
  process.exit(findings.some(({ status }) => status === 'fail') ? 1 : 0);
}

await doctor();
