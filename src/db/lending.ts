import { setTimeout as sleep } from 'node:timers/promises';
import type { ReservedSql, Sql } from 'postgres';

/** A connection on loan. */
export interface Lent {
  readonly connection: ReservedSql;
  /** Its transaction, which has only read, is still to be committed: together with what the next one begins with. */
  open: boolean;
}

interface Borrower {
  resolve(lent: Lent): void;
  reject(error: unknown): void;
}

interface Desk {
  readonly places: number;
  /** Connections that nobody has borrowed. */
  free: number;
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
    desk = { places, free: places, waiting: [], returned: [], scheduled: false, whenEmpty: [] };
    desks.set(sql, desk);
  }
  return desk;
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
  while (desk.waiting.length > 0 && desk.returned.length > 0)
    desk.waiting.shift()?.resolve(desk.returned.shift() as Lent);
  while (desk.waiting.length > 0 && desk.free > 0) reserve(sql, desk, desk.waiting.shift() as Borrower);
  for (const lent of desk.returned.splice(0)) void putAway(sql, desk, lent);
}

function reserve(sql: Sql, desk: Desk, borrower: Borrower): void {
  desk.free -= 1;
  sql.reserve().then(
    (connection) => borrower.resolve({ connection, open: false }),
    (error: unknown) => {
      leave(sql, desk);
      borrower.reject(error);
    },
  );
}

async function putAway(sql: Sql, desk: Desk, { connection, open }: Lent): Promise<void> {
  if (open) await connection.unsafe('commit').catch(() => undefined);
  connection.release();
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
