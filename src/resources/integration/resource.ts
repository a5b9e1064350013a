import { boolean, dateTime, oneOf, readOnly, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { resourceWithoutMutations } from '../../graphql/resource.ts';
import { integrations } from './table.ts';

const IntegrationType = builder.enumType('IntegrationType', {
  description: 'What the events of an integration are.',
  values: {
    CUSTOM_EVENT: { description: 'Payloads of any form, which checks evaluate.' },
    DEPLOY: { description: 'Deploys of services.' },
  } as const,
});

/** The mutations create and return secrets, so they are written by hand. */
export const Integration = resourceWithoutMutations('Integration', {
  table: integrations,
  id: 'int',
  permission: 'integration',
  plural: 'integrations',
  description: 'A URL with a secret, to which another system sends events.',
  attributes: {
    name: singleLine(100, 'The name of the integration', { unique: true }),
    type: oneOf(IntegrationType, ['CUSTOM_EVENT', 'DEPLOY'], 'What the events are', { fixed: true }),
    enabled: boolean('Whether the integration accepts events', true),
    lastEventAt: readOnly(dateTime('When the last event was accepted')),
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
