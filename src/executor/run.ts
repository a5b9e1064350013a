import type { GraphQLResolveInfo } from 'graphql';
import type { Complete, FieldPlan, Run, Selection } from './model.ts';
import { type Container, fail, type Position } from './position.ts';

/** The fourth argument of resolvers. */
export const infoOf = ({ plan, variables }: Run, field: FieldPlan, place: Position): GraphQLResolveInfo => ({
  fieldName: field.name,
  fieldNodes: field.nodes,
  returnType: field.type,
  parentType: field.parentType,
  path: place,
  schema: plan.schema,
  fragments: plan.fragments,
  rootValue: undefined,
  operation: plan.operation,
  variableValues: variables,
});

/** Makes the object of a place and asks for its fields. */
export function select(run: Run, selection: Selection, source: unknown, place: Position): void {
  const object: Container = { ...selection.template };
  place.holder[place.key] = object;
  for (const field of selection.fields) {
    ask(run, field, source, object, place);
    if (place.dead) return;
  }
}

/** Asks one field of an object. */
export function ask(run: Run, field: FieldPlan, source: unknown, holder: Container, prev: Position | undefined): void {
  const { key, nullable, parentType } = field;
  const place: Position = { prev, key, typename: parentType.name, holder, nullable, dead: false };
  let value: unknown;
  try {
    value = field.resolve(source, field.argsOf(run.variables), run.context, infoOf(run, field, place));
  } catch (error) {
    fail(run, field.nodes, place, error);
    return;
  }
  take(run, field, place, value, field.complete);
}

/** Completes what a resolver or a list gave, now or when it is there. */
export function take(run: Run, field: FieldPlan, place: Position, value: unknown, complete: Complete): void {
  try {
    wait(run, field, place, value, complete);
  } catch (error) {
    fail(run, field.nodes, place, error);
  }
}

/** The same; what is wrong now is thrown, what is wrong later is reported. */
export function wait(run: Run, field: FieldPlan, place: Position, value: unknown, complete: Complete): void {
  if (!isPromise(value)) {
    complete(run, field, place, value);
    return;
  }
  run.pending += 1;
  value.then(
    (resolved) => {
      take(run, field, place, resolved, complete);
      leave(run);
    },
    (error: unknown) => {
      fail(run, field.nodes, place, error);
      leave(run);
    },
  );
}

function leave(run: Run): void {
  run.pending -= 1;
  if (run.pending === 0) run.whenIdle?.();
}

/** Resolves when nothing is waited for any more. */
export const idle = (run: Run): Promise<void> | undefined =>
  run.pending === 0
    ? undefined
    : new Promise((done) => {
        run.whenIdle = done;
      });

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
