const NUMBER = new Intl.NumberFormat('en');
const DAY = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const DATE = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'long', year: 'numeric' });
const TIME = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hour: '2-digit', minute: '2-digit' });

/** 12345 as `12,345`. */
export const number = (value: number): string => NUMBER.format(value);

/** The share of a total as whole percent. Only all are 100%, and only none are 0%. */
export function percent(part: number, total: number): string {
  if (total === 0) return '–';
  const rounded = Math.round((part / total) * 100);
  if (rounded === 0 && part > 0) return '< 1%';
  if (rounded === 100 && part < total) return '> 99%';
  return `${rounded}%`;
}

/** `1 service`, `2 services`. */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`;

/** `3 Nov`, in UTC. */
export const shortDay = (time: Date): string => DAY.format(time);

/** `3 November 2026`, in UTC. */
export const date = (time: Date): string => DATE.format(time);

/** `3 November 2026, 14:05 UTC`. */
export const dateAndTime = (time: Date): string => `${DATE.format(time)}, ${TIME.format(time)} UTC`;

/** `2026-11-03`, for the attribute `datetime` and for files. */
export const isoDay = (time: Date): string => time.toISOString().slice(0, 10);
