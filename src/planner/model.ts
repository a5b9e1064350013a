import type { SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { GraphQLSchema } from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { PageArgs } from '../db/page.ts';
import type { Variables } from '../executor/model.ts';
import type { ListQuery, NestedListQuery, ObjectKey, TypeSource } from '../graphql/source.ts';

/** Thrown when resolvers must execute the operation. The message is the reason. */
export class NotPlanned extends Error {
  override name = 'NotPlanned';
}

/** One value of a row in the result: the text of PostgreSQL, or JSON. Null is an empty text in both forms. */
export interface Cell {
  readonly column: PgColumn;
  readonly form: 'text' | 'json';
}

/**
 * The rows for one position of the response, such as `checks.nodes.owner`. They have one type, and are one value in the
 * result of the statement.
 */
export interface RowSet {
  /** The index among the row sets of the statement. A row set comes after the one that its rows belong to. */
  readonly index: number;
  readonly source: TypeSource;
  readonly origin: Origin;
  readonly cells: Cell[];
  /** Whether the result contains the sort keys of each row, after the cells. */
  hasCursors: boolean;
  /** Whether the result contains the length of the whole list. */
  hasCount: boolean;
  /** Whether one row more than the page is read, to tell whether there is another page. */
  hasNeighbours: boolean;
  /** The permission on the project or service of each row. Null if the guard of the type is checked on the organization. */
  readonly visibleWith: Permission | null;
}

/** How the rows are found. */
export type Origin =
  | { readonly kind: 'list' }
  | { readonly kind: 'object' }
  /** The objects that the rows of `parent` refer to. */
  | { readonly kind: 'reference'; readonly parent: RowSet; readonly by: PgColumn }
  /** A list for each row of `parent`. */
  | { readonly kind: 'nested list'; readonly parent: RowSet };

export type Arguments = Record<string, unknown>;

/** A list in one execution. */
export interface ListRun {
  readonly args: PageArgs;
  readonly size: number;
  readonly options: ListQuery | NestedListQuery;
}

/** One execution of a statement. */
export interface Run {
  readonly ctx: Context;
  readonly time: Date;
  readonly variables: Variables;
  /** The arguments of the root field. */
  readonly args: Arguments;
  readonly tenant: string;
  /** The lists, by the index of their row set. */
  readonly lists: ListRun[];
  /** The conditions of the list that were computed first. */
  readonly prepared: readonly SQL[];
  /** The condition of the object, for a statement that reads one. */
  key: ObjectKey | null;
}

/** A run whose rows are read. */
export interface ReadRun extends Run {
  /** The cells of all rows, one after the other, by the index of the row set. */
  readonly cells: readonly (readonly string[])[];
  /** The lengths of lists: a number, or numbers by the ID of the parent. */
  readonly counts: readonly (string | ReadonlyMap<string, string> | undefined)[];
  /** JSON by the index of the row set: of referenced objects by their ID, and of nested lists by the ID of the parent. */
  readonly related: ReadonlyMap<string, string>[];
  /** JSON that is the same in each row, such as permissions in one scope. */
  readonly shared: Map<unknown, Map<string | null, string>>;
  /** The pages that are being written, by the index of their row set. */
  readonly pages: Page[];
}

/** The rows of a page in one response: where each begins among the cells. */
export interface Page {
  readonly starts: readonly number[];
  /** Whether the list has more rows in the direction in which it is read. */
  readonly hasMore: boolean;
  readonly args: PageArgs;
  readonly cursorAt: (at: number) => string;
  readonly count: string | undefined;
}

/** Writes a value of the row that begins at this cell, as JSON. */
export type Write = (run: ReadRun, cells: readonly string[], at: number) => string;

/** The statement of one root field while it is planned. */
export interface StatementDraft {
  readonly schema: GraphQLSchema;
  readonly rowSets: RowSet[];
  /** Permissions in the organization that the caller needs. */
  readonly permissions: Set<Permission>;
  /** Permissions that the caller needs on some services. */
  readonly permissionsOnSome: Set<Permission>;
  /** Functions that read the arguments of an execution. */
  readonly bind: ((run: Run) => void)[];
  /** Functions by the index of a row set. Each writes its rows as JSON, for the rows that they belong to. */
  readonly writeRelated: (((run: ReadRun) => ReadonlyMap<string, string>) | undefined)[];
}

/** The planned statement of one root field. */
export interface Statement {
  readonly draft: StatementDraft;
  /** Writes the value of the root field. */
  readonly write: (run: ReadRun) => string;
  /** The SQL of the statement, by the shape of its arguments. */
  readonly cachedSql: Map<string, CachedSql>;
}

/** The text of a statement. Its parameters are computed for each execution. */
export interface CachedSql {
  readonly text: string;
  readonly params: readonly Param[];
}

export type Param = (run: Run) => unknown;
