import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderDocument } from '../../src/http/reports/layout.ts';
import { campaignPage } from '../../src/http/reports/pages/campaign/page.ts';
import { distance } from '../../src/http/reports/pages/campaign/status.ts';
import type { ReactElement } from '../../src/http/reports/pages/element.ts';
import { percent } from '../../src/http/reports/pages/format.ts';
import { markdown } from '../../src/http/reports/pages/markdown.ts';
import { type MaturityPage, maturityPage } from '../../src/http/reports/pages/maturity/page.ts';
import { levelClass } from '../../src/http/reports/pages/palette.ts';
import { spread, ticksOf } from '../../src/http/reports/pages/scale.ts';
import type { ReportPage } from '../../src/http/reports/report.ts';
import { pageOf } from '../../src/lib/paged.ts';
import type { MaturityReport } from '../../src/resources/evaluation/maturity-report.ts';
import type { NextSteps } from '../../src/resources/evaluation/next-steps.ts';
import { CAMPAIGN, dayBefore, FAILING, MATURITY, NOW, SCORECARDS, SERVICES } from './report-data.ts';

const paged = <Item>(items: readonly Item[]) => pageOf(items, 1, 50);
const viewer = { name: 'Ada', organization: 'acme', formToken: 'token' };
const rendered = (page: ReportPage): string => renderDocument({ ...page, time: NOW, base: '/reports', viewer });

const maturity = (report = MATURITY, parts: Partial<MaturityPage> = {}): string =>
  rendered(
    maturityPage({
      ...{
        report,
        scope: { team: null, scorecard: null },
        breadcrumbs: [],
        scorecards: null,
        services: null,
        days: 90,
      },
      ...parts,
      links: {
        csv: '/csv',
        days: (days) => `?days=${days}`,
        teams: (page) => `?page=${page}`,
        scorecards: (page) => `?scorecards=${page}`,
        services: (page) => `?services=${page}`,
        team: (id) => `?team=${id}`,
        scorecard: (id) => `?scorecard=${id}`,
      },
    }),
  );
const campaign = (report = CAMPAIGN, failing = FAILING): string =>
  rendered(
    campaignPage({
      campaign: report,
      failing: paged(failing),
      now: NOW,
      links: {
        ...{ all: '/campaigns', csv: '/csv', teams: (page) => `?teams=${page}` },
        ...{ checks: (page) => `?checks=${page}`, failing: (page) => `?failing=${page}` },
      },
    }),
  );

const { teams, next } = MATURITY as { teams: NonNullable<MaturityReport['teams']>; next: NextSteps };

const all = (html: string, pattern: RegExp): string[] => [...html.matchAll(pattern)].map((match) => match[1] ?? '');

const ofTeam = (services = SERVICES): string =>
  maturity(
    { ...MATURITY, teams: null, trend: null, next: null },
    {
      scope: { team: { id: 't1', name: 'Checkout' }, scorecard: null },
      breadcrumbs: [{ text: 'Maturity', href: '/reports/maturity' }],
      services: paged(services),
    },
  );
const ofScorecard = (): string =>
  maturity(
    { ...MATURITY, next: null },
    {
      scope: { team: null, scorecard: { id: 's1', name: 'Ready' } },
      services: paged(SERVICES),
    },
  );

describe.each([
  ['maturity', () => maturity(MATURITY, { scorecards: SCORECARDS }), 3],
  ['team', ofTeam, 1],
  ['scorecard', ofScorecard, 3],
  ['campaign', campaign, 4],
])('the page of the %s', (_name, render, numberOfCharts) => {
  const html = render();

  test('has no scripts, event handlers, inline styles, and no images and frames', () => {
    expect(html).not.toMatch(/<(script|iframe|img|object|embed|link rel="stylesheet")/);
    expect(html).not.toMatch(/<[^>]+ (style|on\w+)=/);
    expect(
      all(html, /(?:href|src|action)="([^"]*)"/g).filter((url) => !/^(data:,|[/?#]|https:\/\/acme)/.test(url)),
    ).toEqual([]);
  });

  test('has one heading, landmarks, a skip link, and sections with names', () => {
    expect(all(html, /<(h1)/g)).toHaveLength(1);
    expect(all(html, /<(main|header|footer)[ >]/g).sort()).toEqual(['footer', 'header', 'main']);
    expect(html).toMatch(/<body><a class="skip" href="#content">/);
    const ids = all(html, / id="([^"]+)"/g);
    expect(ids).toEqual([...new Set(ids)]);
    const used = all(html, /aria-labelledby="([^"]+)"/g).flatMap((value) => value.split(' '));
    expect(used.length).toBeGreaterThan(4);
    expect(used.filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('has charts with a title and a description, and tables with captions and scopes', () => {
    const charts = all(html, /(<svg[^>]*role="img".*?<\/svg>)/gs);
    expect(charts).toHaveLength(numberOfCharts);
    for (const chart of charts) expect(chart).toMatch(/<title id="[^"]+">[^<]+<\/title><desc id="[^"]+">[^<]+<\/desc>/);
    const others = all(html, /(<svg(?![^>]*role="img")[^>]*>)/g);
    expect(others.filter((tag) => !tag.includes('aria-hidden="true"'))).toEqual([]);
    for (const table of all(html, /(<table.*?<\/table>)/gs)) {
      expect(table).toMatch(/<caption[^>]*>[^<]+<\/caption>/);
      expect(all(table, /(<th(?![a-z])(?![^>]*scope="(?:col|row)")[^>]*>)/g)).toEqual([]);
    }
  });
});

test('the report on maturity shows levels, teams, the trend and the next steps', () => {
  const html = maturity({ ...MATURITY, teams: { ...teams, total: 120 } });
  expect(html).toContain('40 services');
  expect(html).toContain('▲ up 20 points since 25 August 2026');
  expect(html).toContain('<a href="?team=t1">Checkout</a></th>');
  expect(html).toContain('<b>6</b> need nothing else for the next level.');
  expect(html).toContain('Gold or higher: 5% on the first day, 10% on the last day.');
  expect(html).toContain('1 to 5 of 120 teams');
  expect(html).toContain('href="?page=2#teams"');
});

test('a report without services, without a trend or without steps says so', () => {
  const none = { services: 0, byLevel: [0, 0, 0, 0], none: 0 };
  expect(maturity({ ...MATURITY, overall: none })).toContain('There are no services that you can read.');
  expect(maturity({ ...MATURITY, trend: null })).toContain('It is therefore not shown.');
  expect(maturity({ ...MATURITY, trend: [] })).toContain('No numbers are stored yet');
  expect(maturity({ ...MATURITY, next: { steps: [], closest: 0, unknown: 0 } })).toContain(
    'No check prevents a service',
  );
  const upgraded = maturity({ ...MATURITY, next: { steps: [], closest: 0, unknown: 3 } });
  expect(upgraded).toContain('The list does not include 3 services that Ambit has not evaluated since its upgrade.');
  expect(upgraded).not.toContain('No check prevents a service');
  expect(maturity({ ...MATURITY, trend: MATURITY.trend?.slice(-1) ?? null })).toContain('<circle');
});

test('the report on a team shows its services with their levels and what they need', () => {
  const html = ofTeam();
  expect(html).toContain('<title>Checkout – Maturity – acme – Ambit</title>');
  expect(html).toContain('The levels of 40 services of the team in the rubric.');
  expect(html).toContain('<b>Has a runbook</b> <span class="tag">Reliability, level Silver</span>');
  expect(html).toContain('<b>A check</b> <span class="tag">level Silver</span>');
  for (const text of ['and 5 more', 'It passes all checks', 'It has the highest level.', 'No check applies'])
    expect(html).toContain(text);
  expect(html).not.toMatch(/id="(trend|teams|scorecards|next)"|data-label="Team"/);
  expect(ofScorecard()).toContain('data-label="Team"');
  for (const [id, text] of [
    ['t1', 'of the team'],
    [null, 'without an owner'],
  ] as const)
    expect(maturity(MATURITY, { scope: { team: { id, name: 'No team' }, scorecard: null } })).toContain(
      `The levels of 40 services ${text} in the rubric.`,
    );
});

test('page 1,000 of a longer list says that the other pages are not shown', () => {
  const list = { ...paged(SERVICES), page: 1_000, total: 60_000 };
  const html = maturity(MATURITY, { services: list });
  expect(html).toContain('The other pages are not shown.');
  expect(html).toContain('href="?services=999#services"');
  expect(html).not.toContain('?services=1001');
});

test('the report of a campaign shows its status, times, progress, and what fails', () => {
  const html = campaign();
  expect(html).toContain('Delayed</span>');
  expect(html).toContain('(2 days ago)');
  expect(html).toContain('15 of 24');
  expect(html).toContain('Found <code>20.11.0</code> in the <em>image</em>.');
  expect(html).toContain('pending since <time');
  expect(html).toContain('and 10 more');
  expect(html).toContain('Target</text>');
  expect(campaign(CAMPAIGN, [])).toContain('All services pass all checks of the campaign.');
});

test('a campaign that has not started has no numbers', () => {
  const draft = { ...CAMPAIGN, status: 'DRAFT' as const, startAt: null, targetAt: null, days: [], teams: null };
  const html = campaign({ ...draft, progress: { services: 0, passingServices: 0, results: 0, passingResults: 0 } }, []);
  expect(html).toContain('The campaign is a draft.');
  expect(html).not.toContain('id="failing"');
});

const ATTACK = '</script><svg onload=alert(1)>"\' style="x"';

test('names are text, wherever they appear', () => {
  const renamed = <Item extends { name: string }>(items: readonly Item[]): Item[] =>
    items.map((item) => ({ ...item, name: ATTACK }));
  const report = {
    ...MATURITY,
    levels: MATURITY.levels.map(() => ATTACK),
    teams: { ...teams, items: renamed(teams.items) },
    categories: renamed(MATURITY.categories ?? []),
    next: {
      closest: 1,
      unknown: 1,
      steps: next.steps.map((step) => ({ ...step, check: ATTACK, category: ATTACK, level: ATTACK })),
    },
  };
  const attacked = { ...CAMPAIGN, name: ATTACK, team: ATTACK, filter: ATTACK, brief: ATTACK };
  const failing = renamed(FAILING).map((service) => ({
    ...service,
    team: ATTACK,
    results: service.results.map((result) => ({ ...result, check: ATTACK, message: ATTACK })),
  }));
  for (const html of [
    maturity(report),
    maturity(MATURITY, {
      scope: { team: { id: 't1', name: ATTACK }, scorecard: { id: 's1', name: ATTACK } },
      breadcrumbs: [{ text: ATTACK, href: '/' }],
    }),
    ofTeam(SERVICES.map((one) => ({ ...one, name: ATTACK, steps: [{ check: ATTACK, category: ATTACK, level: 0 }] }))),
    campaign(
      {
        ...attacked,
        teams: pageOf(renamed(CAMPAIGN.teams?.items ?? []), 1, 50),
        checks: paged(renamed(CAMPAIGN.checks?.items ?? [])),
      },
      failing,
    ),
  ]) {
    expect(html).toContain('&lt;/script&gt;&lt;svg onload=alert(1)&gt;');
    expect(html).not.toContain('<svg onload');
    expect(html).not.toContain('</script>');
    expect(html).not.toMatch(/<[^>]*"[^>]* style="x"/);
  }
});

const htmlOf = ({ props }: ReactElement): string => props.dangerouslySetInnerHTML.__html.trim();

test.each([
  [
    '[a](https://acme.test "t")',
    '<p><a href="https://acme.test" title="t" rel="nofollow noopener noreferrer">a</a></p>',
  ],
  [
    '<mailto:a@acme.test>',
    '<p><a href="mailto:a@acme.test" rel="nofollow noopener noreferrer">mailto:a@acme.test</a></p>',
  ],
  ['[a](javascript:alert(1))', '<p>[a](javascript:alert(1))</p>'],
  ['[a](JaVaScRiPt&colon;alert(1))', '<p>[a](JaVaScRiPt:alert(1))</p>'],
  ['[a](data:text/html,x)', '<p>[a](data:text/html,x)</p>'],
  ['[a](vbscript:x)', '<p>[a](vbscript:x)</p>'],
  ['[a](//evil.test)', '<p>[a](//evil.test)</p>'],
  ['[a](/reports/sign-out)', '<p>[a](/reports/sign-out)</p>'],
  [
    '![a](https://evil.test/x.png)',
    '<p>!<a href="https://evil.test/x.png" rel="nofollow noopener noreferrer">a</a></p>',
  ],
  ['<img src=x onerror=alert(1)>', '<p>&lt;img src=x onerror=alert(1)&gt;</p>'],
  ['# Title', '<p><strong>Title</strong></p>'],
])('Markdown %s', (text, html) => expect(htmlOf(markdown(text))).toBe(html));

test('Markdown shows a table, and one with far more cells than characters as text', () => {
  const table = '| a | b |\n|---|---|\n| 1 |\n| 2 | 3 |';
  expect(htmlOf(markdown(`Text\n\n${table}\n\nText`)).match(/<td>/g)).toHaveLength(4);
  const large = `${'|a'.repeat(100)}|\n${'|-'.repeat(100)}|\n${'|\n'.repeat(300)}`;
  for (const text of [
    large,
    `${table}\n\n${large}`,
    `> ${large.replaceAll('\n', '\n> ')}`,
    `Text\n \n${large}`,
    large.replaceAll('\n', '\r'),
  ]) {
    const html = htmlOf(markdown(text));
    expect(html).not.toContain('<td>');
    expect(html.length).toBeLessThan(2 * text.length);
  }
});

test('Markdown has no style attributes and no headings', () => {
  expect(htmlOf(markdown('| a | b |\n|:--|--:|\n| 1 | 2 |\n\nTitle\n=====\n\n```js\n</code><b>\n```'))).not.toMatch(
    /style=|<h\d|<b>/,
  );
});

test('labels of a chart do not overlap, and stay in the box', () => {
  const box = { left: 0, right: 100, top: 0, bottom: 100 };
  expect(spread([50, 10, 52], 16, box)).toEqual([50, 10, 66]);
  expect(spread([100, 100, 98], 16, box).sort((one, other) => one - other)).toEqual([68, 84, 100]);
});

test('the ticks of a chart end with the last day', () => {
  expect(ticksOf(dayBefore(89), dayBefore(0), 7)).toHaveLength(6);
  expect(ticksOf(dayBefore(89), dayBefore(0), 7).at(-1)).toEqual(dayBefore(0));
  expect(ticksOf(dayBefore(0), dayBefore(0), 7)).toEqual([dayBefore(0)]);
});

test('levels have different colours up to seven of them', () => {
  for (const levels of [1, 2, 3, 4, 5, 6, 7]) {
    const classes = Array.from({ length: levels }, (_, at) => levelClass(at, levels));
    expect(new Set(classes).size).toBe(levels);
    expect(classes.at(-1)).toBe('l6');
  }
});

test('a percentage is 0 or 100 only for none and all', () => {
  expect([percent(0, 9), percent(1, 900), percent(899, 900), percent(9, 9), percent(0, 0)]).toEqual([
    ...['0%', '< 1%', '> 99%', '100%', '–'],
  ]);
});

test('distances are in days of UTC', () => {
  expect(distance(new Date('2026-11-22T23:59:00Z'), NOW)).toBe('today');
  expect(distance(new Date('2026-11-23T00:01:00Z'), NOW)).toBe('in 1 day');
  expect(distance(new Date('2026-11-20T00:00:00Z'), NOW)).toBe('2 days ago');
});

const CSS = readFileSync(new URL('../../src/http/reports/report.css', import.meta.url), 'utf8');

/** The colours of a scheme, as later rules override earlier ones. */
const schemeOf = (from: string): Record<string, string> => {
  const root = CSS.slice(CSS.indexOf(from)).match(/:root \{(.*?)\}/s)?.[1] ?? '';
  return Object.fromEntries([...root.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
};

/** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
const luminance = (hex: string): number =>
  [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => {
    const value = Number.parseInt(hex.slice(1 + at * 2, 3 + at * 2), 16) / 255;
    return sum + weight * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  }, 0);
const contrast = (one: string, other: string): number => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

test.each([
  ['light', ':root'],
  ['dark', '@media (prefers-color-scheme: dark)'],
  ['print', '@media print'],
])('the contrast is that of WCAG 2.2 AA: %s', (_scheme, from) => {
  const colours: Record<string, string> = { ...schemeOf(':root'), ...schemeOf(from) };
  const ratio = (one: string, other: string): number => contrast(colours[one] ?? '', colours[other] ?? '');
  for (const text of ['text', 'quiet', 'accent', 'error', 'warning'])
    for (const ground of ['card', 'ground'])
      expect(ratio(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  expect(ratio('on-accent', 'accent')).toBeGreaterThanOrEqual(4.5);
  const levels = [0, 1, 2, 3, 4, 5, 6].map((at) => `l${at}`);
  for (const level of [...levels, 'weak']) expect(ratio(level, 'card'), level).toBeGreaterThanOrEqual(3);
  expect(ratio('hatch-line', 'hatch-ground')).toBeGreaterThanOrEqual(3);
  // Each level is darker, or lighter, than the one before, so that it differs without colour vision.
  for (const [at, level] of levels.slice(1).entries()) expect(ratio(level, levels[at] ?? '')).toBeGreaterThan(1.15);
});
