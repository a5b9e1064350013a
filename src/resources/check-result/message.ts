import type { CheckOperator } from '../check/predicate.ts';
import { type Predicate, type ServiceProperty, type Settings, settingsOf } from '../check/settings.ts';
import type { CheckType } from '../check/table.ts';
import { codeSpan } from './code-span.ts';
import type { CheckStatus } from './table.ts';

export interface CheckOfMessage {
  readonly type: CheckType;
  readonly settings: object;
  /** The name of the property that the organization has defined. Null if it is not visible to the caller. */
  readonly definition: string | null;
}

/** A sentence about a service that passed, and one or two about a service that did not. */
interface Sentences {
  readonly passed: string;
  readonly failed: string;
}

/** The reason for a result that Ambit has evaluated, as one line of Markdown. Values of settings are code spans. */
export function messageOf(check: CheckOfMessage, status: CheckStatus): string {
  const { passed, failed } = SENTENCES[check.type](check.settings as never, check);
  return status === 'PASSED' ? passed : failed;
}

const SENTENCES: {
  readonly [Type in CheckType]: (stored: Partial<Settings[Type]>, check: CheckOfMessage) => Sentences;
} = {
  MANUAL: () => ({
    passed: 'The check was passed.',
    failed: 'No result was reported, or the last one has expired. Report a result with `reportCheckResult`.',
  }),
  CUSTOM_EVENT: () => ({
    passed: 'The last event met the condition of the check.',
    failed: 'No event about the service was received.',
  }),
  HAS_OWNER(stored) {
    const { contactRequired, contactType } = settingsOf('HAS_OWNER', stored);
    if (!contactRequired)
      return {
        passed: 'A team owns the service.',
        failed: 'The service has no owner. Set the team that owns it.',
      };
    const contact = contactType === null ? 'a contact' : `a contact of type ${codeSpan(contactType)}`;
    return {
      passed: `The team that owns the service has ${contact}.`,
      failed: `No team with ${contact} owns the service. Set the owner, or add the contact to the team.`,
    };
  },
  SERVICE_PROPERTY(stored, { definition }) {
    const { property, predicate } = settingsOf('SERVICE_PROPERTY', stored);
    const what = property
      ? PROPERTIES[property]
      : definition === null
        ? 'property'
        : `property ${codeSpan(definition)}`;
    return predicate
      ? {
          passed: `The ${what} of the service ${conditionOf(predicate, 'is')}.`,
          failed: `The ${what} of the service ${conditionOf(predicate, 'must')}.`,
        }
      : { passed: `The service has a ${what}.`, failed: `The service has no ${what}. Set it.` };
  },
  TAG_DEFINED(stored) {
    const { key, predicate } = settingsOf('TAG_DEFINED', stored);
    return itemSentences('tag', [key === null ? '' : ` with the key ${codeSpan(key)}`, whose('value', predicate)]);
  },
  LINK(stored) {
    const { category, name, predicate } = settingsOf('LINK', stored);
    return itemSentences('link', [
      category === null ? '' : ` of the category ${codeSpan(category)}`,
      name === null ? '' : ` with the name ${codeSpan(name)}`,
      whose('URL', predicate),
    ]);
  },
  HAS_DEPENDENCY: () => ({
    passed: 'The service depends on another service.',
    failed: 'The service has no dependency on another service. Add one.',
  }),
  RECENT_DEPLOY(stored) {
    const { days } = settingsOf('RECENT_DEPLOY', stored);
    const period = days === 1 ? 'day' : `${days} days`;
    return {
      passed: `The service was deployed in the last ${period}.`,
      failed: `No deploy of the service was recorded in the last ${period}. Record one with \`recordDeploy\`.`,
    };
  },
};

const PROPERTIES: Readonly<Record<ServiceProperty, string>> = {
  NAME: 'name',
  DESCRIPTION: 'description',
  TIER: 'tier',
  LIFECYCLE: 'lifecycle stage',
  LANGUAGE: 'language',
  FRAMEWORK: 'framework',
};

function itemSentences(noun: string, parts: readonly string[]): Sentences {
  const item = `${noun}${parts.join('')}`;
  return { passed: `The service has a ${item}.`, failed: `The service has no ${item}. Add one.` };
}

const whose = (what: string, predicate: Predicate | null): string =>
  predicate ? ` whose ${what} ${conditionOf(predicate, 'is')}` : '';

/** What a value does, and what it must do. */
const VERBS: Readonly<Record<CheckOperator, { is: string; must: string }>> = {
  EQUALS: { is: 'equals', must: 'must equal' },
  DOES_NOT_EQUAL: { is: 'does not equal', must: 'must not equal' },
  CONTAINS: { is: 'contains', must: 'must contain' },
  DOES_NOT_CONTAIN: { is: 'does not contain', must: 'must not contain' },
  STARTS_WITH: { is: 'starts with', must: 'must start with' },
  ENDS_WITH: { is: 'ends with', must: 'must end with' },
  MATCHES_REGEX: { is: 'matches the regular expression', must: 'must match the regular expression' },
  DOES_NOT_MATCH_REGEX: {
    is: 'does not match the regular expression',
    must: 'must not match the regular expression',
  },
  GREATER_THAN_OR_EQUAL_TO: { is: 'is at least', must: 'must be at least' },
  LESS_THAN_OR_EQUAL_TO: { is: 'is at most', must: 'must be at most' },
};

const conditionOf = ({ operator, value }: Predicate, form: 'is' | 'must'): string =>
  `${VERBS[operator as CheckOperator][form]} ${codeSpan(value ?? '')}`;
