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
import './resources/access/catalog-graphql.ts';
import './resources/access/graphql.ts';
import './resources/api-key/change-graphql.ts';
import './resources/api-key/graphql.ts';
import './resources/api-token/change-graphql.ts';
import './resources/api-token/graphql.ts';
import './resources/audit-event/graphql.ts';
import './resources/billing/graphql.ts';
import './resources/campaign/checks-graphql.ts';
import './resources/campaign/graphql.ts';
import './resources/campaign/progress-graphql.ts';
import './resources/campaign/reminder-graphql.ts';
import './resources/campaign/resource.ts';
import './resources/category/resource.ts';
import './resources/check-result/graphql.ts';
import './resources/check-result/test-check-graphql.ts';
import './resources/check/resource.ts';
import './resources/dataset/resource.ts';
import './resources/evaluation/maturity-graphql.ts';
import './resources/evaluation/services-report-graphql.ts';
import './resources/filter/graphql.ts';
import './resources/integration/events-graphql.ts';
import './resources/integration/graphql.ts';
import './resources/integration/suggestion-graphql.ts';
import './resources/invitation/accept-graphql.ts';
import './resources/invitation/graphql.ts';
import './resources/level/resource.ts';
import './resources/lifecycle/resource.ts';
import './resources/member/graphql.ts';
import './resources/organization/graphql.ts';
import './resources/plan/graphql.ts';
import './resources/policy/graphql.ts';
import './resources/principal/access-change-graphql.ts';
import './resources/project-member/graphql.ts';
import './resources/project-member/people-graphql.ts';
import './resources/project/graphql.ts';
import './resources/property-definition/resource.ts';
import './resources/role/graphql.ts';
import './resources/rubric/graphql.ts';
import './resources/scorecard/checks-graphql.ts';
import './resources/scorecard/levels-graphql.ts';
import './resources/scorecard/report-graphql.ts';
import './resources/scorecard/resource.ts';
import './resources/service-account/graphql.ts';
import './resources/service-property/graphql.ts';
import './resources/service/access-change-graphql.ts';
import './resources/service/deploy-graphql.ts';
import './resources/service/resource.ts';
import './resources/session/graphql.ts';
import './resources/session/sign-in-graphql.ts';
import './resources/team/access-change-graphql.ts';
import './resources/team/resource.ts';
import './resources/tier/resource.ts';
import './resources/user/graphql.ts';
import './resources/viewer/graphql.ts';

const DESCRIPTION = [
  'The API of Ambit, a service for access control: organizations, members, roles, policies, projects, and answers to the question who may do what.',
  'A request acts in the organization that its session, API token or API key is bound to. Objects of other organizations do not exist for it.',
  '`@requires` names the permission that a field, type, argument, input field or enum value requires. `permissions` lists all permissions. If the caller lacks it, the field is null and `errors` contains a FORBIDDEN error.',
  'Errors in the input of a mutation are in the field `errors` of its payload. All other errors are GraphQL errors with a stable code in `extensions.code`.',
  'A description that says “Returns CODE” means one of three kinds of codes: a `UserErrorCode`, a code in `extensions.code`, or a `RefusalReason`, which is in `extensions.reason` of a FORBIDDEN error.',
].join('\n\n');

const requires = new GraphQLDirective({
  name: 'requires',
  description:
    'What a caller needs to use the field, to see an object of the type, or to pass the argument, input field or enum value. If the directive is repeated, the caller needs all of them. A permission that is checked on a project also requires `project:read` on that project. An element without the directive needs nothing more than the element that contains it.',
  locations: [
    DirectiveLocation.FIELD_DEFINITION,
    DirectiveLocation.OBJECT,
    DirectiveLocation.ARGUMENT_DEFINITION,
    DirectiveLocation.INPUT_FIELD_DEFINITION,
    DirectiveLocation.ENUM_VALUE,
  ],
  isRepeatable: true,
  args: {
    permission: {
      type: GraphQLString,
      description: 'The name of the required permission, as in the query `permissions`.',
    },
    anyOf: {
      type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
      description: 'Names of permissions. The caller needs one of them.',
    },
    own: {
      type: GraphQLBoolean,
      description:
        'If true, signed-in callers need no permission for what belongs to them. Without a permission: every signed-in caller can use it.',
    },
  },
});

/** The schema, built from the resources above. Throws if a field or type declares no access. */
export function buildSchema(): GraphQLSchema {
  const schema = builder.toSchema({ directives: [...specifiedDirectives, requires] } as never);
  // Pothos has no option for it.
  schema.description = DESCRIPTION;
  return schema;
}
