import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Json } from './api.ts';

/** A reference to a variable, with what Compose does if it is not set: `:?` fails with a message, `:-` uses a default. */
const VARIABLE = /\$(?:(\$)|\{(\w+)(?::([?-])([^}]*))?\})/g;

/** Reads a Compose file as Compose does: merges anchors and replaces variables. Throws if a required one is not set. */
export function readCompose(file: string, variables: Record<string, string>): Json {
  const resolve = (text: string): string =>
    text.replace(VARIABLE, (_match, escaped, name, operator, rest) => {
      if (escaped) return '$';
      if (variables[name]) return variables[name];
      if (operator === '?') throw new Error(`${name}: ${rest}`);
      return rest ?? '';
    });
  const visit = (value: Json): Json => {
    if (typeof value === 'string') return resolve(value);
    if (Array.isArray(value)) return value.map(visit);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item as Json)]));
  };
  return visit(parse(readFileSync(file, 'utf8'), { merge: true }));
}

/** The variables that a Compose file requires, and the message about each. */
export const requiredVariables = (file: string): Map<string, string> =>
  new Map(
    [...readFileSync(file, 'utf8').matchAll(VARIABLE)]
      .filter(([, , , operator]) => operator === '?')
      .map(([, , name = '', , message = '']) => [name, message]),
  );
