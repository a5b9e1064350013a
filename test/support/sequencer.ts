import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest, with the longest first. A long file that starts last keeps one processor busy while the
 * other has nothing left to do. The first ones mostly wait for processes, so other files run beside them.
 */
const LONGEST = [
  'embedded',
  'backup',
  'image',
  'faults/faults',
  'main',
  'new-resource',
  'enforcement/pooler',
  'http/playground-in-chromium',
  'http/fast-path',
  'sweep',
  'enforcement/audit',
  'enforcement/tenancy-over-http',
  'decisions/history',
  'identity/cached-actor',
  'db/pool',
  'resources/viewer-permissions',
  'resources/pagination',
  'support/skipped',
  'decisions/race',
  'resources/nullable-updates',
  'resources/statements',
  'resources/dense-index',
  'enforcement/tenant',
].map((name) => `/test/${name}.test.ts`);

const rank = ({ moduleId }: TestSpecification): number => {
  const at = LONGEST.findIndex((file) => moduleId.endsWith(file));
  return at < 0 ? LONGEST.length : at;
};

/** The order of vitest within what is equal: first the projects, in each the larger files. A class, as vitest needs. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isolated = sorted.filter(({ project }) => project.config.isolate);
    const shared = sorted.filter(({ project }) => !project.config.isolate);
    return [...isolated, ...shared.toSorted((a, b) => rank(a) - rank(b))];
  }
}
