import type { NextStep, NextSteps } from '../../../../resources/evaluation/next-steps.ts';
import { type Part, stackedBar } from '../bar.ts';
import { Fragment, h, list, type ReactElement, type ReactNode } from '../element.ts';
import { count, number } from '../format.ts';
import { empty, section } from '../parts.ts';

const ABOUT_STEPS = 'The checks that prevent most services from reaching their next level.';

/** The checks that prevent services from having their next level. */
export function nextSteps({ steps, unknown }: NextSteps): ReactElement {
  const most = Math.max(...steps.map(({ services }) => services), 1);
  return section(
    { id: 'next', title: 'What to do next', about: steps.length > 0 && ABOUT_STEPS },
    unknown > 0 && h('p', { className: 'about' }, notCounted(unknown)),
    steps.length > 0
      ? h('ol', { className: 'steps' }, list(steps.map((step) => h('li', null, stepOf(step, most)))))
      : unknown === 0 && empty('No check prevents a service from reaching its next level.'),
  );
}

const notCounted = (unknown: number): string =>
  `The list does not include ${count(unknown, 'service')} that Ambit has not evaluated since its upgrade. ` +
  'Ambit evaluates all services within an hour after an upgrade.';

const stepOf = ({ check, category, level, services, decisive }: NextStep, most: number): ReactElement =>
  h(
    Fragment,
    null,
    h(
      'p',
      null,
      h('strong', null, check),
      ' ',
      h('span', { className: 'tag' }, [category, level].filter(Boolean).join(', level ')),
    ),
    stackedBar(barOf(services, decisive), most),
    h(
      'p',
      { className: 'about' },
      `${count(services, 'service')} ${services === 1 ? 'fails' : 'fail'} it. `,
      soleOf(decisive),
    ),
  );

const barOf = (services: number, decisive: number): Part[] => [
  { label: `Only this check is missing: ${count(decisive, 'service')}`, className: 'strong', value: decisive },
  {
    label: `Other checks are missing too: ${count(services - decisive, 'service')}`,
    className: 'weak',
    value: services - decisive,
  },
];

const soleOf = (decisive: number): ReactNode =>
  decisive === 0
    ? 'All of them fail other checks too.'
    : h(
        Fragment,
        null,
        h('b', null, number(decisive)),
        ` ${decisive === 1 ? 'needs' : 'need'} nothing else for the next level.`,
      );
