import {
  DirectiveLocation,
  GraphQLBoolean,
  GraphQLDirective,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLSchema,
  GraphQLString,
  specifiedDirectives,
} from 'graphql';
import { builder } from './graphql/builder.ts';
import './resources/access/graphql.ts';
import './resources/api-token/graphql.ts';
import './resources/audit-event/graphql.ts';
import './resources/category/resource.ts';
import './resources/check/resource.ts';
import './resources/dataset/resource.ts';
import './resources/invitation/accept-graphql.ts';
import './resources/invitation/graphql.ts';
import './resources/level/resource.ts';
import './resources/lifecycle/resource.ts';
import './resources/member/graphql.ts';
import './resources/organization/graphql.ts';
import './resources/plan/graphql.ts';
import './resources/policy/graphql.ts';
import './resources/project-member/graphql.ts';
import './resources/project/graphql.ts';
import './resources/role/graphql.ts';
import './resources/rubric/graphql.ts';
import './resources/service-account/graphql.ts';
import './resources/session/graphql.ts';
import './resources/session/sign-in-graphql.ts';
import './resources/tier/resource.ts';
import './resources/user/graphql.ts';
import './resources/viewer/graphql.ts';

const DESCRIPTION = [
  'The API of Ambit, a service for access control: organizations, members, roles, policies and projects, and the questions of who may do what.',
  'A request acts in the organization that its session or API token is bound to. Objects of other organizations do not exist for it.',
  '`@requires` names the permission that a field or type requires. `permissions` lists all permissions.',
  'Errors in the input of a mutation are in the field `errors` of its payload. All other errors are GraphQL errors with a stable code in `extensions.code`.',
].join('\n\n');

const requires = new GraphQLDirective({
  name: 'requires',
  description:
    'What a caller needs to use the field, to see an object of the type, or to give the argument, input field or enum value. Where the directive is repeated, each of them is needed. A permission that is asked on a project also takes `project:read` on that project. An element without it needs no more than the element around it.',
  locations: [
    DirectiveLocation.FIELD_DEFINITION,
    DirectiveLocation.OBJECT,
    DirectiveLocation.ARGUMENT_DEFINITION,
    DirectiveLocation.INPUT_FIELD_DEFINITION,
    DirectiveLocation.ENUM_VALUE,
  ],
  isRepeatable: true,
  args: {
    permission: { type: GraphQLString, description: 'The permission, as in the query `permissions`.' },
    anyOf: {
      type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
      description: 'Permissions, of which one is enough.',
    },
    own: {
      type: GraphQLBoolean,
      description: 'Signed-in callers need no permission for what is their own.',
    },
  },
});

/** The schema, built from the resources above. Throws where a field or type says nothing about access. */
export function buildSchema(): GraphQLSchema {
  const schema = builder.toSchema({ directives: [...specifiedDirectives, requires] } as never);
  // Pothos has no option for it.
  schema.description = DESCRIPTION;
  return schema;
}
