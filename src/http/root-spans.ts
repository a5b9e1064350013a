import type { Context } from '../context.ts';
import type { WrapRoot } from '../executor/execute.ts';

/** Runs the resolver of a root field in a span, if the request is traced. */
export const withRootSpan: WrapRoot = (field, context) => {
  const { tracer } = (context as Context).work;
  if (!tracer || field.name.startsWith('__')) return field;
  return {
    ...field,
    resolve: (parent, args, ctx, info) => tracer.inField(field.name, () => field.resolve(parent, args, ctx, info)),
  };
};
