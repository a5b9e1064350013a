import { Info } from './info.ts';
import { writeLeaf } from './leaf.ts';
import type { Complete, FieldPlan, Run, Selection } from './model.ts';
import { type Container, fail, type Position } from './position.ts';
import { grow } from './size.ts';

/** Writes the object of a position and executes its selected fields. */
export function executeSelection(run: Run, selection: Selection, source: unknown, position: Position): void {
  grow(run, selection.size);
  const object: Container = { ...selection.template };
  position.container[position.key] = object;
  for (const field of selection.fields) {
    executeField(run, field, source, object, position);
    if (position.isNulled || run.tooLarge) return;
  }
}

/** Calls the resolver of a field and completes its value. */
export function executeField(
  run: Run,
  field: FieldPlan,
  source: unknown,
  container: Container,
  prev: Position | undefined,
): void {
  const info = new Info(run, field, container, prev);
  let value: unknown;
  try {
    value = field.resolve(source, field.argsOf(run.variables), run.context, info);
    // The position of a leaf is not needed. Promises, errors and forbidden nulls are completed below.
    if (field.leafType && !isPromise(value) && !(value instanceof Error) && (value != null || field.nullable)) {
      // The template of the object already has null.
      if (value != null) writeLeaf(run, field.leafType, container, field.key, value);
      return;
    }
  } catch (error) {
    fail(run, field.nodes, info.path, error);
    return;
  }
  completeValue(run, field, info.path, value, field.complete);
}

/** Completes a value, or a promise of one when it is fulfilled. Reports all errors. */
export function completeValue(
  run: Run,
  field: FieldPlan,
  position: Position,
  value: unknown,
  complete: Complete,
): void {
  if (run.tooLarge) return;
  try {
    awaitValue(run, field, position, value, complete);
  } catch (error) {
    fail(run, field.nodes, position, error);
  }
}

/** Completes a value or a promise of one. Throws the errors of a value, and reports those of a promise. */
export function awaitValue(run: Run, field: FieldPlan, position: Position, value: unknown, complete: Complete): void {
  if (!isPromise(value)) {
    complete(run, field, position, value);
    return;
  }
  run.pending += 1;
  value.then(
    (resolved) => {
      completeValue(run, field, position, resolved, complete);
      endPending(run);
    },
    (error: unknown) => {
      fail(run, field.nodes, position, error);
      endPending(run);
    },
  );
}

function endPending(run: Run): void {
  run.pending -= 1;
  if (run.pending === 0) run.onIdle?.();
}

/** Resolves when no promise is pending. Undefined if that is already so. */
export const whenIdle = (run: Run): Promise<void> | undefined =>
  run.pending === 0
    ? undefined
    : new Promise((done) => {
        run.onIdle = done;
      });

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
