import { Kind, type SelectionSetNode, type ValidationRule } from 'graphql';
import { AmbitError } from '../lib/errors.ts';
import { type Fragments, fragmentsOf } from './fragments.ts';
import { LIMITS } from './limits.ts';

type Root = '__schema' | '__type';

const MAXIMA = { __schema: LIMITS.schemas, __type: LIMITS.types } as const;

/** Limits how often an operation selects `__schema` and `__type`, in fragments and with aliases. */
export const introspectionCountRule: ValidationRule = (context) => {
  const fragments = fragmentsOf(context.getDocument());
  return {
    OperationDefinition({ selectionSet }) {
      const keys = { __schema: new Set<string>(), __type: new Set<string>() };
      collect(selectionSet, fragments, keys, new Set());
      for (const [name, { size }] of Object.entries(keys)) {
        const max = MAXIMA[name as Root];
        if (size > max)
          context.reportError(
            new AmbitError('BAD_REQUEST', `An operation selects \`${name}\` at most ${max} times, not ${size}.`, {
              http: { status: 400 },
            }),
          );
      }
    },
  };
};

/** Collects the response keys of the root fields. A field that is selected twice under one key is executed once. */
function collect(
  { selections }: SelectionSetNode,
  fragments: Fragments,
  keys: Record<Root, Set<string>>,
  visited: Set<string>,
): void {
  for (const selection of selections) {
    if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet, fragments, keys, visited);
    else if (selection.kind === Kind.FIELD)
      keys[selection.name.value as Root]?.add((selection.alias ?? selection.name).value);
    else if (!visited.has(selection.name.value)) {
      visited.add(selection.name.value);
      const fragment = fragments.get(selection.name.value);
      if (fragment) collect(fragment.selectionSet, fragments, keys, visited);
    }
  }
}

/** Refuses introspection with one error, however many of its fields are selected. */
export const noIntrospectionRule: ValidationRule = (context) => {
  let isReported = false;
  return {
    Field({ name }) {
      if (isReported || !Object.hasOwn(MAXIMA, name.value)) return;
      isReported = true;
      const message = 'Sign in first: only signed-in callers can read the schema by introspection.';
      const headers = { 'www-authenticate': 'Bearer' };
      context.reportError(new AmbitError('UNAUTHENTICATED', message, { http: { status: 401, headers } }));
    },
  };
};
