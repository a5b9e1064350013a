import { invalid, userError } from '../../lib/errors.ts';
import { TEXT_OPERATORS } from '../filter/keys.ts';
import { type Settings, settingsOf } from './settings.ts';
import type { checks } from './table.ts';

type CheckWithSettings = Pick<typeof checks.$inferSelect, 'type' | 'settings' | 'definitionId' | 'integrationId'>;

/** Throws for settings that do not fit together. */
export function refuseSettings({ type, settings, definitionId = null, integrationId = null }: CheckWithSettings): void {
  if (type === 'HAS_OWNER') refuseContact(settingsOf(type, settings));
  if (type === 'SERVICE_PROPERTY') refuseProperty(settingsOf(type, settings), definitionId);
  if (type === 'CUSTOM_EVENT') refuseMissing(settingsOf(type, settings), integrationId);
  if (type === 'TAG_DEFINED' || type === 'LINK') refuseNumber(type, settingsOf(type, settings).predicate);
}

const refuse = (type: keyof typeof FIELDS, fields: string[], message: string): never => {
  const path = ['settings', FIELDS[type], ...fields];
  throw invalid(userError('INVALID', path, `${path.join('.')}: ${message}.`));
};

const FIELDS = {
  HAS_OWNER: 'hasOwner',
  SERVICE_PROPERTY: 'serviceProperty',
  TAG_DEFINED: 'tagDefined',
  LINK: 'link',
  CUSTOM_EVENT: 'customEvent',
} as const;

function refuseContact({ contactRequired, contactType }: Settings['HAS_OWNER']): void {
  if (contactType && !contactRequired) refuse('HAS_OWNER', ['contactType'], 'needs `contactRequired: true`');
}

function refuseProperty({ property, predicate }: Settings['SERVICE_PROPERTY'], definitionId: string | null): void {
  if ((property === null) === (definitionId === null))
    refuse('SERVICE_PROPERTY', [], 'must have exactly one of `property` and `definition`');
  if (definitionId === null) refuseNumber('SERVICE_PROPERTY', predicate);
}

function refuseMissing(rules: Settings['CUSTOM_EVENT'], integrationId: string | null): void {
  const { serviceSelector, successCondition } = rules;
  const missing = Object.entries({ integrationId, serviceSelector, successCondition })
    .filter(([, value]) => !value)
    .map(([field]) => {
      const path = ['settings', FIELDS.CUSTOM_EVENT, field];
      return userError('REQUIRED', path, `${path.join('.')}: is required.`);
    });
  if (missing.length > 0) throw invalid(...missing);
}

/** Only a value of a property that the organization has defined can be a number. */
function refuseNumber(type: keyof typeof FIELDS, predicate: Settings['LINK']['predicate']): void {
  if (predicate && !Object.hasOwn(TEXT_OPERATORS, predicate.operator))
    refuse(type, ['predicate', 'operator'], 'compares numbers, and the value is a text');
}
