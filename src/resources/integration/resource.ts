import { boolean, dateTime, oneOf, readOnly, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { resourceWithoutMutations } from '../../graphql/resource.ts';
import { integrations } from './table.ts';

const IntegrationType = builder.enumType('IntegrationType', {
  description: 'The type of the events of an integration.',
  values: {
    CUSTOM_EVENT: { description: 'Events with any JSON payload, which checks of type CUSTOM_EVENT evaluate.' },
    DEPLOY: { description: 'Deploys of services.' },
  } as const,
});

/** The mutations create and return secrets, so they are written by hand. */
export const Integration = resourceWithoutMutations('Integration', {
  table: integrations,
  id: 'int',
  permission: 'integration',
  plural: 'integrations',
  description: 'A URL that contains a secret, to which another system sends events.',
  attributes: {
    name: singleLine(100, 'The name of the integration', { unique: true }),
    type: oneOf(IntegrationType, ['CUSTOM_EVENT', 'DEPLOY'], 'The type of the events', { fixed: true }),
    enabled: boolean('Whether the integration accepts events', true),
    lastEventAt: readOnly(dateTime('When the last event was accepted. Null if no event was accepted')),
  },
  computed: {
    hint: {
      type: 'String',
      description: 'The prefix and the last four characters of the secret.',
      columns: ['hint'],
      value: ({ hint }) => `ambit_int_…${hint}`,
    },
  },
  filter: { type: true, enabled: true, search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt', 'updatedAt'],
});
