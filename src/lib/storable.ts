/** Whether PostgreSQL can store the value. It refuses NUL characters, and replaces halves of surrogate pairs. */
export const isStorable = (value: unknown): boolean =>
  typeof value !== 'string' || (value.isWellFormed() && !value.includes('\0'));

/** The text with replacement characters for what PostgreSQL cannot store. */
export const storableText = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed();

/** The first and the last year of a time. `Date` reads earlier years of PostgreSQL's format as another year. */
export const YEARS = { first: 1000, last: 9999 };

/** Whether PostgreSQL stores the time and returns the same one. */
export function isStorableTime(time: Date): boolean {
  const year = time.getUTCFullYear();
  return year >= YEARS.first && year <= YEARS.last;
}
