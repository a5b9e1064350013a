import {
  boolean,
  integer,
  multiLine,
  optionalInteger,
  optionalLine,
  optionalOneOf,
  optionalRef,
  text,
  union,
  valueObject,
} from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { OPERATORS } from '../filter/operators.ts';
import { Integration } from '../integration/resource.ts';
import { PropertyDefinition } from '../property-definition/resource.ts';
import { ContactType } from '../team/resource.ts';
import { CONTACT_TYPES } from '../team/table.ts';
import { CHECK_OPERATORS, type CheckOperator, MAX_VALUE, predicateSchema } from './predicate.ts';
import { MAX_RULES, type Predicate, SERVICE_PROPERTIES, settingsOf } from './settings.ts';

const ServiceProperty = builder.enumType('ServiceProperty', {
  description: 'A built-in property of services.',
  values: {
    NAME: { description: 'The name of the service.' },
    DESCRIPTION: { description: 'The description of the service.' },
    TIER: { description: 'The name of the tier of the service.' },
    LIFECYCLE: { description: 'The name of the lifecycle stage of the service.' },
    LANGUAGE: { description: 'The programming language of the service.' },
    FRAMEWORK: { description: 'The framework of the service.' },
  } as const,
});

const Operator = builder.enumType('CheckOperator', {
  description: 'How a check compares a value of a service.',
  values: Object.fromEntries(
    Object.keys(CHECK_OPERATORS).map((name) => [name, { description: OPERATORS[name as CheckOperator].description }]),
  ) as Record<CheckOperator, { description: string }>,
});

const CheckPredicate = builder.objectRef<Predicate>('CheckPredicate').implement({
  description: 'A condition for a value of a service, such as the URL of a link.',
  public: true,
  fields: (t) => ({
    operator: t.field({
      type: Operator,
      description: 'How the value is compared.',
      resolve: ({ operator }) => operator as CheckOperator,
    }),
    value: t.exposeString('value', {
      nullable: true,
      description: 'What the value is compared with. Null if the operator takes no value.',
    }),
    caseSensitive: t.exposeBoolean('caseSensitive', { description: 'Whether upper and lower case are different.' }),
  }),
});

const CheckPredicateInput = builder.inputType('CheckPredicateInput', {
  description: 'A condition for a value of a service, such as the URL of a link.',
  fields: (t) => ({
    operator: t.field({ type: Operator, required: true, description: 'How the value is compared.' }),
    value: t.string({
      required: true,
      description: `What the value is compared with. 1 to ${MAX_VALUE} characters. A regular expression must be valid in RE2.`,
    }),
    caseSensitive: t.boolean({ description: 'Whether upper and lower case are different. Defaults to false.' }),
  }),
});

const predicate = (description: string) =>
  valueObject({ type: CheckPredicate, inputType: CheckPredicateInput as never, schema: predicateSchema }, description);

/** The settings of a check by its type. `settings.ts` has the types of the stored values, and the defaults. */
export const checkSettings = union(
  {
    name: 'CheckSettings',
    by: 'type',
    byDefault: 'MANUAL',
    withDefaults: settingsOf,
    members: {
      MANUAL: {
        description: 'Settings of a check whose results are reported',
        attributes: {
          frequencyDays: optionalInteger(
            { min: 1, max: 3650 },
            'The number of days after which a result PASSED expires. By default, results do not expire',
          ),
          commentRequired: boolean('Whether a reported result needs a message', false),
        },
      },
      HAS_OWNER: {
        description: 'Settings of a check that requires an owner',
        attributes: {
          contactRequired: boolean('Whether the owner must have a contact', false),
          contactType: optionalOneOf(
            ContactType,
            CONTACT_TYPES,
            'The type of contact that the owner must have. Requires `contactRequired: true`. By default, any type is accepted',
          ),
        },
      },
      SERVICE_PROPERTY: {
        description: 'Settings of a check that requires a property. It has either `property` or `definition`',
        attributes: {
          property: optionalOneOf(ServiceProperty, SERVICE_PROPERTIES, 'A built-in property of services'),
          definitionId: optionalRef(PropertyDefinition, 'The definition of a property of the organization'),
          predicate: predicate('The condition for the value. By default, any value is accepted'),
        },
      },
      TAG_DEFINED: {
        description: 'Settings of a check that requires a tag',
        attributes: {
          key: optionalLine(100, 'The key of the tag. By default, any key is accepted'),
          predicate: predicate('The condition for the value of the tag. By default, any value is accepted'),
        },
      },
      LINK: {
        description: 'Settings of a check that requires a link',
        attributes: {
          category: optionalLine(100, 'The category of the link. By default, any category is accepted'),
          name: optionalLine(100, 'The name of the link. By default, any name is accepted'),
          predicate: predicate('The condition for the URL of the link. By default, any URL is accepted'),
        },
      },
      HAS_DEPENDENCY: {
        description: 'Settings of a check that requires a dependency on another service',
        attributes: {},
      },
      RECENT_DEPLOY: {
        description: 'Settings of a check that requires a recent deploy',
        attributes: { days: integer({ min: 1, max: 3650 }, 'The maximum number of days since the last deploy', 30) },
      },
      CUSTOM_EVENT: {
        description: 'Settings of a check whose results are determined by events of an integration',
        attributes: {
          integrationId: optionalRef(
            Integration,
            'The integration whose events the check evaluates. Must be of type CUSTOM_EVENT. Required',
          ),
          serviceSelector: text(
            MAX_RULES.serviceSelector,
            'A jq program that yields the aliases of the services that a payload is about. Its input is the payload. Null values are skipped. Required for a new check',
          ),
          successCondition: text(
            MAX_RULES.successCondition,
            'A jq program that yields whether a service passes. Its input is the payload, and `$alias` is the alias of the service. The service passes if the program yields at least one value, and all values are true. Required for a new check',
          ),
          resultMessage: multiLine(
            MAX_RULES.resultMessage,
            'A Liquid template for the message of the result, as Markdown. Its variables are `payload`, `alias` and `status`. By default, results have no message',
          ),
        },
      },
    },
  },
  'The settings of the check',
);
