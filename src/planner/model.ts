import type { PgColumn } from 'drizzle-orm/pg-core';
import type { GraphQLSchema } from 'graphql';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import type { PageArgs } from '../db/page.ts';
import type { Variables } from '../executor/model.ts';
import type { Listed, ListedUnder, TypeSource } from '../graphql/source.ts';

/** Thrown when resolvers must execute the operation. The message is the reason. */
export class NotPlanned extends Error {
  override name = 'NotPlanned';
}

/** One value of a row in the result: the text of PostgreSQL, or JSON. Null is an empty text in both forms. */
export interface Cell {
  readonly column: PgColumn;
  readonly form: 'text' | 'json';
}

/** The rows of one type at one position of the response. They are one value in the result of the statement. */
export interface Rows {
  /** The position among the rows of the statement. Rows come after those that they belong to. */
  readonly at: number;
  readonly source: TypeSource;
  readonly origin: Origin;
  readonly cells: Cell[];
  /** Whether the result contains the sort keys of each row, after the cells. */
  hasCursors: boolean;
  /** Whether the result contains the length of the whole list. */
  hasCount: boolean;
  /** Whether one row more than the page is read, to tell whether there is another page. */
  hasNeighbours: boolean;
  /** The permission on the project of each row. Null if the guard of the type is checked on the organization. */
  readonly visibleWith: Permission | null;
}

/** How the rows of a position are found. */
export type Origin =
  | { readonly kind: 'list' }
  | { readonly kind: 'object' }
  /** The objects that the rows of `parent` refer to. */
  | { readonly kind: 'one'; readonly parent: Rows; readonly by: PgColumn }
  /** A list for each row of `parent`. */
  | { readonly kind: 'list under'; readonly parent: Rows };

export type Arguments = Record<string, unknown>;

/** A list in one execution. */
export interface ListRun {
  readonly args: PageArgs;
  readonly size: number;
  readonly options: Listed | ListedUnder;
}

/** One execution of a statement. */
export interface Run {
  readonly ctx: Context;
  readonly time: Date;
  readonly variables: Variables;
  /** The arguments of the root field. */
  readonly args: Arguments;
  readonly tenant: string;
  /** The lists, by the position of their rows. */
  readonly lists: ListRun[];
  /** The condition of the object, for a statement that reads one. */
  key: { column: PgColumn; value: string } | null;
}

/** A run whose rows are read. */
export interface ReadRun extends Run {
  /** The cells of all rows, one after the other, by the position of the rows. */
  readonly cells: readonly (readonly string[])[];
  /** The lengths of lists: a number, or numbers by the ID of the parent. */
  readonly counts: readonly (string | ReadonlyMap<string, string> | undefined)[];
  /** The texts of related objects, by their ID, and of lists, by the ID of the parent. */
  readonly texts: ReadonlyMap<string, string>[];
  /** Texts that are the same in each row, such as permissions in the organization. */
  readonly shared: Map<unknown, Map<string | null, string>>;
  /** The pages that are being written, by the position of their rows. */
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

/** Writes a value of the row that begins at this cell. */
export type Write = (run: ReadRun, cells: readonly string[], at: number) => string;

/** The statement of one root field while it is planned. */
export interface Draft {
  readonly schema: GraphQLSchema;
  readonly rows: Rows[];
  /** Permissions in the organization that the caller needs. */
  readonly permissions: Set<Permission>;
  /** Prepares a list when the statement is executed. */
  readonly prepare: ((run: Run) => void)[];
  /** Writes the texts of the rows at a position, for those that refer to them. */
  readonly settle: (((run: ReadRun) => ReadonlyMap<string, string>) | undefined)[];
}

/** The planned statement of one root field. */
export interface Statement {
  readonly draft: Draft;
  /** Writes the value of the root field. */
  readonly write: (run: ReadRun) => string;
  /** Texts of the statement, by the shape of its arguments. */
  readonly texts: Map<string, KeptText>;
}

/** A text whose parameters are known without building it. */
export interface KeptText {
  readonly text: string;
  readonly params: readonly Param[];
}

export type Param = (run: Run) => unknown;
