import { findReport, ROOT } from './paths.ts';

const MAX_LENGTH = 1_000;

/**
 * The page that opens after the sign-in, as a path within the reports: `/maturity?team=…`. Only a path of a report is
 * returned, so that a link cannot lead elsewhere after the sign-in. Control characters are percent-encoded by `URL`.
 */
export function nextOf(given: string | null | undefined): string | null {
  if (!given || given.length > MAX_LENGTH || !URL.canParse(`http://localhost${ROOT}${given}`)) return null;
  const { origin, pathname, search } = new URL(`http://localhost${ROOT}${given}`);
  if (origin !== 'http://localhost' || !findReport(pathname)) return null;
  return `${pathname.slice(ROOT.length)}${search}`;
}

/** The page that opens by default. */
export const HOME = '/maturity';
