import { setTimeout as sleep } from 'node:timers/promises';
import type { ReservedSql, Sql } from 'postgres';

/** A connection on loan. */
export interface Lent {
  /** Its transaction, which has only read, is still to be committed: together with what the next one begins with. */
  open: boolean;
  /** Postgres or the network has closed it. */
  readonly isLost: () => boolean;
  /** The first message of a transaction. */
  readonly begin: (text: string) => PromiseLike<unknown>;
  readonly send: Sql['unsafe'];
  readonly release: () => void;
}

/** What postgres.js keeps to itself: its own transactions learn by the same two that their connection is closed. */
interface Watched {
  onclose: ((error: unknown) => void) | null;
}
interface Sent {
  readonly executed: boolean;
  reject(error: unknown): void;
}

interface Borrower {
  resolve(lent: Lent): void;
  reject(error: unknown): void;
}

interface Desk {
  readonly places: number;
  /** Connections that nobody has borrowed. */
  free: number;
  /** Set while connections that were closed are made anew. */
  mending: Promise<unknown> | undefined;
  waiting: Borrower[];
  /** Given back, and not yet put away. */
  returned: Lent[];
  scheduled: boolean;
  /** Who waits for the last transaction to end. */
  whenEmpty: (() => void)[];
}

/** Of each pool, so it lives and dies with the pool. */
const desks = new WeakMap<Sql, Desk>();

/**
 * Transactions leave one connection of the pool to single statements: a request that counts a try or looks up a
 * credential while it holds a transaction would else wait for others that wait for it.
 */
function deskOf(sql: Sql): Desk {
  let desk = desks.get(sql);
  if (!desk) {
    const places = Math.max(sql.options.max - 1, 1);
    desk = { places, free: places, mending: undefined, waiting: [], returned: [], scheduled: false, whenEmpty: [] };
    desks.set(sql, desk);
    mendOnClose(sql, desk);
  }
  return desk;
}

/**
 * A reservation that has to connect anew is, by the driver, told how the connection before it ended, and stays in its
 * queue all the same: it takes a connection away from everybody later. So statements connect first, twice, because the
 * first of each connection may be told that.
 */
function mendOnClose(sql: Sql, desk: Desk): void {
  const onEach = (): Promise<unknown> =>
    Promise.allSettled(Array.from({ length: sql.options.max }, () => sql.unsafe('select 1')));
  sql.options.onclose = () => {
    const mending = Promise.resolve().then(onEach).then(onEach);
    desk.mending = mending;
    void mending.then(() => {
      if (desk.mending === mending) desk.mending = undefined;
    });
  };
}

export function borrow(sql: Sql): Promise<Lent> {
  const { promise, resolve, reject } = Promise.withResolvers<Lent>();
  deskOf(sql).waiting.push({ resolve, reject });
  schedule(sql);
  return promise;
}

export function giveBack(sql: Sql, lent: Lent): void {
  deskOf(sql).returned.push(lent);
  schedule(sql);
}

/**
 * Once for each turn of the event loop, so that who begins can go on where somebody else ends in the same turn: a commit
 * and a begin are one message then.
 */
function schedule(sql: Sql): void {
  const desk = deskOf(sql);
  if (desk.scheduled) return;
  desk.scheduled = true;
  setImmediate(() => serve(sql, desk));
}

function serve(sql: Sql, desk: Desk): void {
  desk.scheduled = false;
  for (const lent of desk.returned.splice(0)) {
    const borrower = lent.isLost() ? undefined : desk.waiting.shift();
    if (borrower) borrower.resolve(lent);
    else void putAway(sql, desk, lent);
  }
  while (desk.waiting.length > 0 && desk.free > 0) reserve(sql, desk, desk.waiting.shift() as Borrower);
}

function reserve(sql: Sql, desk: Desk, borrower: Borrower): void {
  desk.free -= 1;
  reserved(sql, desk).then(
    (connection) => borrower.resolve(lend(connection)),
    (error: unknown) => {
      leave(sql, desk);
      borrower.reject(error);
    },
  );
}

async function reserved(sql: Sql, desk: Desk): Promise<ReservedSql> {
  while (desk.mending) await desk.mending;
  return await sql.reserve();
}

/**
 * A reserved connection that is closed does not say so: what waits on it waits for ever, what is sent ends the process,
 * and once the pool has connected again it would stand in somebody else's transaction. So nothing is sent on it, nor is
 * it released: the pool has taken it back already.
 */
function lend(connection: ReservedSql): Lent {
  let lost: Error | undefined;
  let sent: Sent[] = [];
  const lose = (error: unknown): void => {
    lost = new Error('the connection to the database was lost', { cause: error });
    for (const query of sent.splice(0)) if (query.executed) query.reject(lost);
  };
  const onexecute = (watched: Watched): boolean => {
    watched.onclose = lose;
    return true;
  };
  const send = ((text: string, values?: never[], options?: object) => {
    if (lost) throw lost;
    const query = connection.unsafe(text, values, options);
    sent.push(query as unknown as Sent);
    return query;
  }) as Sql['unsafe'];
  const begin = (text: string): PromiseLike<unknown> => {
    sent = [];
    return send(text, [], { onexecute } as object).execute();
  };
  return { open: false, isLost: () => lost !== undefined, begin, send, release: () => connection.release() };
}

async function putAway(sql: Sql, desk: Desk, lent: Lent): Promise<void> {
  if (lent.open && !lent.isLost()) await lent.send('commit').catch(() => undefined);
  if (!lent.isLost()) lent.release();
  leave(sql, desk);
}

function leave(sql: Sql, desk: Desk): void {
  desk.free += 1;
  if (desk.waiting.length > 0) schedule(sql);
  if (desk.free === desk.places) for (const tell of desk.whenEmpty.splice(0)) tell();
}

/** Ends the pool after its transactions: nobody waits for the commit of what has only read. */
export async function disconnect(sql: Sql, timeout = 5): Promise<void> {
  const desk = deskOf(sql);
  const empty = new Promise<void>((done) => {
    if (desk.free === desk.places && desk.waiting.length === 0) done();
    else desk.whenEmpty.push(done);
  });
  await Promise.race([empty, sleep(timeout * 1_000, undefined, { ref: false })]);
  await sql.end({ timeout });
}
