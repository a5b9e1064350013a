import { isProgramError, type RunOnce } from './jq.ts';
import type { EventRules, PayloadOutcome, RuleProblem, ServiceOutcome } from './messages.ts';
import { programOf, programsToCheck } from './program.ts';
import { firstLineOf, type Templates } from './template.ts';

/** The output of jq for a payload. */
type JqOutput =
  | { readonly error: string }
  | { readonly services: readonly { alias: string; passed?: boolean; error?: string }[] };

const TOO_COMPLEX = 'takes too much time or memory';

export interface Engines {
  readonly startJq: () => Promise<RunOnce>;
  readonly templates: Templates;
}

/** The first problem of rules. Null if they can be used. */
export async function problemOf({ startJq, templates }: Engines, rules: EventRules): Promise<RuleProblem | null> {
  for (const field of ['serviceSelector', 'successCondition'] as const) {
    for (const program of programsToCheck(rules[field])) {
      const message = await syntaxErrorOf(startJq, program);
      if (message !== null) return { field, message };
    }
  }
  const message = rules.resultMessage === null ? null : templates.problemOf(rules.resultMessage);
  return message === null ? null : { field: 'resultMessage', message };
}

/** Compiles the program, and runs it on no input. */
async function syntaxErrorOf(startJq: Engines['startJq'], program: string): Promise<string | null> {
  const run = await startJq();
  try {
    run('', program);
    return null;
  } catch (error) {
    return isProgramError(error) ? readable(error.stderr) : `${TOO_COMPLEX} to compile`;
  }
}

const MAX_PROBLEM = 300;

/** `jq: error: syntax error, unexpected end of file at <top-level>, line 2:` and further lines. The prelude is line 1. */
function readable(stderr: string): string {
  const [first = ''] = stderr.split('\n', 1);
  const [, problem = first, line] = /^jq: (?:error: )?(.*?)(?: at <top-level>, line (\d+).*)?$/.exec(first) ?? [];
  const text = problem.replace(' (Unix shell quoting issues?)', '').slice(0, MAX_PROBLEM);
  return line === undefined ? text : `${text} in line ${Math.max(Number(line) - 1, 1)}`;
}

/** The outcome of each payload. Null if jq has crashed. */
export async function outcomesOf(
  { startJq, templates }: Engines,
  rules: EventRules,
  payloads: readonly string[],
): Promise<PayloadOutcome[] | null> {
  const run = await startJq();
  let output: string;
  try {
    output = run(payloads.join('\n'), programOf(rules));
  } catch (error) {
    // An error outside of the programs, such as a payload that is nested too deeply.
    return payloads.length === 1 && isProgramError(error) ? [{ error: readable(error.stderr) }] : null;
  }
  const lines = output.split('\n').filter((line) => line !== '');
  if (lines.length !== payloads.length) return null;
  const render = rules.resultMessage === null ? null : templates.compile(rules.resultMessage);
  return lines.map((line, at) => {
    try {
      return outcomeOf(JSON.parse(line), payloads[at] as string, render);
    } catch {
      return { error: `The check ${TOO_COMPLEX}.` };
    }
  });
}

/** Maximum number of characters of the messages about one payload. */
const MAX_MESSAGES = 500_000;

const TOO_LONG = `the messages about one payload must not have more than ${MAX_MESSAGES.toLocaleString('en')} characters`;

function outcomeOf(output: JqOutput, text: string, render: ReturnType<Templates['compile']> | null): PayloadOutcome {
  if ('error' in output) return { error: `serviceSelector: ${output.error}` };
  const payload = render && output.services.length > 0 ? JSON.parse(text) : null;
  let characters = 0;
  const services = output.services.map(({ alias, passed, error }): ServiceOutcome => {
    if (error !== undefined) return { alias, error: `successCondition: ${error}` };
    const status = passed ? 'PASSED' : 'FAILED';
    if (characters > MAX_MESSAGES) return { alias, error: `resultMessage: ${TOO_LONG}` };
    try {
      const message = render ? render({ payload, alias, status }) : null;
      characters += message?.length ?? 0;
      return { alias, status, message };
    } catch (reason) {
      return { alias, error: `resultMessage: ${firstLineOf(reason)}` };
    }
  });
  return { services };
}
