import {
  DirectiveLocation,
  GraphQLBoolean,
  GraphQLDirective,
  type GraphQLSchema,
  GraphQLString,
  specifiedDirectives,
} from 'graphql';
import { builder } from './graphql/builder.ts';
import './resources/access/graphql.ts';
import './resources/session/sign-in-graphql.ts';
import './resources/invitation/accept-graphql.ts';
import './resources/api-token/graphql.ts';
import './resources/audit-event/graphql.ts';
import './resources/category/resource.ts';
import './resources/check/resource.ts';
import './resources/dataset/resource.ts';
import './resources/invitation/graphql.ts';
import './resources/level/resource.ts';
import './resources/lifecycle/resource.ts';
import './resources/member/graphql.ts';
import './resources/organization/graphql.ts';
import './resources/plan/graphql.ts';
import './resources/policy/graphql.ts';
import './resources/project/graphql.ts';

import './resources/role/graphql.ts';
import './resources/rubric/graphql.ts';
import './resources/service-account/graphql.ts';
import './resources/session/graphql.ts';
import './resources/tier/resource.ts';
import './resources/user/graphql.ts';

const requires = new GraphQLDirective({
  name: 'requires',
  description:
    'What a caller needs to use the field, or to see an object of the type. Fields without it are open to everyone who can reach them.',
  locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
  args: {
    permission: { type: GraphQLString, description: 'The permission, as in the query `permissions`.' },
    own: { type: GraphQLBoolean, description: 'Signed-in callers need no permission for what is their own.' },
  },
});

/** The schema, built from the resources above. Throws where a field or type says nothing about access. */
export const buildSchema = (): GraphQLSchema =>
  builder.toSchema({ directives: [...specifiedDirectives, requires] } as never);
