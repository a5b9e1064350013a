import { alias, multiLine, optionalRef, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { Filter } from '../filter/resource.ts';
import { Team } from '../team/resource.ts';
import { scorecardHooks } from './service.ts';
import { scorecards } from './table.ts';

export const Scorecard = resource('Scorecard', {
  table: scorecards,
  id: 'sco',
  permission: 'scorecard',
  plural: 'scorecards',
  description:
    'Categories and checks beside the rubric, with the levels of the rubric. A scorecard gives each service that it applies to a level of its own, and does not affect the levels in the rubric.',
  attributes: {
    name: singleLine(100, 'The name of the scorecard', { unique: true }),
    alias: alias('The short name of the scorecard, for use in code'),
    description: multiLine(2000, 'What the scorecard is about'),
    teamId: optionalRef(Team, 'The team that is responsible for the scorecard'),
    filterId: optionalRef(
      Filter,
      'The filter that selects the services that the scorecard applies to. Without it, the scorecard applies to all services',
    ),
  },
  filter: { teamId: true, filterId: true, search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt', 'updatedAt'],
  hooks: scorecardHooks,
});
