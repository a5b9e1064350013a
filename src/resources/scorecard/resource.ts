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
    'A set of categories and checks that is separate from the rubric and has the same levels. Each service that a scorecard applies to has a level in the scorecard. A scorecard does not affect the levels in the rubric.',
  attributes: {
    name: singleLine(100, 'The name of the scorecard', { unique: true }),
    alias: alias('The short name of the scorecard, for use in code'),
    description: multiLine(2000, 'The purpose of the scorecard'),
    teamId: optionalRef(Team, 'The team that is responsible for the scorecard'),
    filterId: optionalRef(
      Filter,
      'The filter that selects the services that the scorecard applies to. Without it, the scorecard applies to all services',
    ),
  },
  filter: { teamId: true, filterId: true, search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt', 'updatedAt'],
  deletedWithIt: 'its categories, its checks, their results and the history of its levels',
  hooks: scorecardHooks,
});
