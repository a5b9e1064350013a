import type { Permission } from '../access/catalog.ts';

/** What a caller needs, as `@requires` prints it. Several requirements of one element must all be met. */
export interface Requirement {
  permission?: Permission;
  /** One of these permissions is enough. */
  anyOf?: readonly Permission[];
  /** What is the caller's own needs no permission. */
  own?: true;
}

type Extensions = Readonly<Record<string, unknown>> | null | undefined;

/** The extensions of a schema element, with the requirements for the printer of the schema. */
export const withDirectives = (extensions: Extensions, requirements: readonly Requirement[]) => ({
  ...extensions,
  ...(requirements.length > 0 && { directives: { requires: requirements } }),
});

export const PUBLIC = 'Public: needs no credential.';
export const SIGNED_IN = 'Requires a signed-in caller.';

/** `@requires` as a sentence. Null if nothing is required. */
export function sentenceOf(requirements: readonly Requirement[]): string | null {
  const permissions = requirements.flatMap(({ permission, anyOf }) => {
    const names = anyOf ?? (permission ? [permission] : []);
    return names.length > 0 ? [names.map((name) => `\`${name}\``).join(' or ')] : [];
  });
  const own = requirements.some((requirement) => requirement.own);
  if (permissions.length === 0) return own ? SIGNED_IN : null;
  return `Requires ${permissions.join(' and ')}${own ? ', except for what belongs to the caller' : ''}.`;
}

/** The description with the sentence at its end. An element without a description stays without one. */
export function withSentence(description: string | null | undefined, sentence: string | null): string | null {
  const text = description?.trim();
  if (!text || !sentence) return description ?? null;
  return `${/[.!?]$/.test(text) ? text : `${text}.`} ${sentence}`;
}
