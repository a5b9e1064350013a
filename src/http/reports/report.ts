import type { ReportPath } from '../../access/endpoints.ts';
import type { Context } from '../../context.ts';
import type { Layout } from './layout.ts';

/** The request of a page. */
export interface ReportRequest {
  /** The values of the segments such as `:id`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The path of the reports, with which links begin: `/reports`, or `/folder/reports` if a proxy serves Ambit in a folder. */
  readonly base: string;
}

/** The content of an HTML page, without the parts that all pages have. */
export type ReportPage = Pick<
  Layout,
  'title' | 'breadcrumbs' | 'heading' | 'about' | 'links' | 'section' | 'time' | 'body'
>;

/** A file that the browser saves. */
export interface ReportFile {
  readonly fileName: string;
  readonly mediaType: string;
  /** The functions that read its parts, at least one. */
  readonly parts: readonly FilePart[];
}

/**
 * Reads a part of a file. The first part is read in the transaction of the request. Each other part is read when the client
 * has received the one before, in a transaction of its own, after the session and the permission were checked again.
 */
export type FilePart = (ctx: Context) => Promise<string>;

/**
 * Returns the content of a page. It runs when the caller has the permission of the path, in a transaction that only reads. It
 * throws NOT_FOUND or FORBIDDEN for the page of that error.
 */
export type Render = (ctx: Context, request: ReportRequest) => Promise<ReportPage | ReportFile>;

/** The function for each path of the table. */
export type Renders = Readonly<Record<ReportPath, Render>>;

/** A file whose name begins with that of the organization. */
export const fileOf = (ctx: Context, name: string, parts: readonly FilePart[]): ReportFile => ({
  fileName: `${ctx.unit.actor.organization?.slug}-${name}.csv`,
  mediaType: 'text/csv; charset=utf-8; header=present',
  parts,
});
