/** What is wrong with a schema or a value. */
export interface Problem {
  /** Names of properties and indexes of items. */
  path: string[];
  /** Without the path and without a full stop. */
  message: string;
}

/** The first problem of one of several values. */
export interface ValueProblem extends Problem {
  /** The index of the value. */
  item: number;
}

/** A task for the thread. Schemas and values are JSON texts, because a deep object cannot be cloned. */
export type Task = { kind: 'check'; schema: string } | { kind: 'validate'; schema: string; values: string };

export type TaskResult<Kind extends Task['kind'] = Task['kind']> = Kind extends 'check'
  ? { problem: Problem | null }
  : { problems: ValueProblem[] };
