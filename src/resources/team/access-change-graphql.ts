import { builder } from '../../graphql/builder.ts';
import { AccessChange } from '../principal/access-change-graphql.ts';
import { Team } from './resource.ts';

builder.objectField(AccessChange, 'teams', (t) =>
  t.field({
    type: [Team.type],
    nullable: true,
    permission: 'team:read',
    description: 'The teams in `teamIds`. Omits deleted teams. Null for the organization and for a project.',
    resolve: async ({ teamIds }, _args, ctx) => {
      if (!teamIds) return null;
      const teams = await Promise.all(teamIds.map((id) => Team.load(ctx, id)));
      return teams.filter((team) => team !== null);
    },
  }),
);
