import type { EventRules } from './messages.ts';

/** Maximum number of services that one payload is about. */
export const MAX_SERVICES = 1_000;
/** Maximum number of characters of an alias that a program yields. */
const MAX_ALIAS = 255;
/** Maximum number of characters of the message of an error in a program. */
const MAX_ERROR = 300;

const unavailable = (...names: string[]): string =>
  names.map((name) => `def ${name}: error("${name.replace(/\(.*/, '')} is not available"); `).join('');

/**
 * Replaces the functions for the process, its files, its time zone, the other payloads of a batch, and the output. A program
 * cannot refer to the original functions. `import` and `include` are syntax errors after it. It is one line, so the line
 * numbers of errors are right.
 */
const PRELUDE = [
  'def env: {}; def inputs: empty; def debug: .; def debug($message): .; def stderr: .; def input_filename: null; ',
  'def localtime: gmtime; def strflocaltime($format): strftime($format); def input_line_number: 0; def get_search_list: []; def get_prog_origin: null; def get_jq_origin: null; ',
  unavailable('input', 'halt', 'halt_error', 'halt_error($code)', 'modulemeta'),
  '{} as $ENV | ',
].join('');

/** A program that is valid if the program of the organization is. Without the parentheses, it could end them. */
export const programsToCheck = (program: string): string[] => [
  `${PRELUDE} "" as $alias | \n${program}\n`,
  `${PRELUDE} "" as $alias | (\n${program}\n)`,
];

/** Collects the message of an error, which can be any value. */
const CAUGHT = `(if type == "string" then . else tojson end | .[:${MAX_ERROR}])`;

/** Yields one object for each payload. Parentheses and line breaks end each program and its last comment. */
export const programOf = ({ serviceSelector, successCondition }: EventRules): string => `${PRELUDE}. as $payload
| (try {aliases: [limit(${MAX_SERVICES + 1}; (
${serviceSelector}
)) | values | if type == "string" and length <= ${MAX_ALIAS} then . else error("must yield texts of at most ${MAX_ALIAS} characters") end]
} catch {error: ${CAUGHT}}) as $selected
| if $selected.error then $selected
elif ($selected.aliases | length) > ${MAX_SERVICES} then {error: "yields more than ${MAX_SERVICES} texts"}
else {services: [$selected.aliases | unique[] | . as $alias | try ($payload | {
alias: $alias, passed: ([limit(${MAX_SERVICES}; (
${successCondition}
))] | if all(type == "boolean") then length > 0 and all else error("must yield true or false") end)
}) catch {alias: $alias, error: ${CAUGHT}}]} end`;
