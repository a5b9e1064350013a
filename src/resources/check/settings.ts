import type { EventRules } from '../../lib/event-rules/messages.ts';
import type { ContactType } from '../team/table.ts';
import type { CheckType } from './table.ts';

/** A condition for a text. The operators are those of filters. */
export interface Predicate {
  readonly operator: string;
  readonly value: string | null;
  readonly caseSensitive: boolean;
}

export const SERVICE_PROPERTIES = ['NAME', 'DESCRIPTION', 'TIER', 'LIFECYCLE', 'LANGUAGE', 'FRAMEWORK'] as const;
/** A property that each service has. The value of TIER and LIFECYCLE is the name. */
export type ServiceProperty = (typeof SERVICE_PROPERTIES)[number];

/** The settings of a check by its type, as `checks.settings` stores them. */
export interface Settings {
  readonly MANUAL: {
    /** After how many days a result expires. Null if it does not. */
    readonly frequencyDays: number | null;
    readonly commentRequired: boolean;
  };
  readonly HAS_OWNER: {
    /** Whether the owner needs a contact. */
    readonly contactRequired: boolean;
    /** The type of the required contact. Null for any. */
    readonly contactType: ContactType | null;
  };
  readonly SERVICE_PROPERTY: {
    /** Null if the check is about the property definition `checks.definition_id`. */
    readonly property: ServiceProperty | null;
    /** The condition for the value. Null if the property must only have a value. */
    readonly predicate: Predicate | null;
  };
  readonly TAG_DEFINED: {
    /** Null for a tag with any key. */
    readonly key: string | null;
    /** The condition for the value of the tag. Null for any value. */
    readonly predicate: Predicate | null;
  };
  readonly LINK: {
    /** Null for any category. */
    readonly category: string | null;
    /** Null for any name. */
    readonly name: string | null;
    /** The condition for the URL. Null for any URL. */
    readonly predicate: Predicate | null;
  };
  readonly HAS_DEPENDENCY: Record<never, never>;
  readonly RECENT_DEPLOY: {
    readonly days: number;
  };
  /** The integration is `checks.integration_id`. */
  readonly CUSTOM_EVENT: EventRules;
}

/** Maximum number of characters of the programs and the template of a check of type CUSTOM_EVENT. */
export const MAX_RULES = { serviceSelector: 4_000, successCondition: 4_000, resultMessage: 10_000 } as const;

const DEFAULTS: { readonly [Type in CheckType]: Settings[Type] } = {
  MANUAL: { frequencyDays: null, commentRequired: false },
  HAS_OWNER: { contactRequired: false, contactType: null },
  SERVICE_PROPERTY: { property: null, predicate: null },
  TAG_DEFINED: { key: null, predicate: null },
  LINK: { category: null, name: null, predicate: null },
  HAS_DEPENDENCY: {},
  RECENT_DEPLOY: { days: 30 },
  CUSTOM_EVENT: { serviceSelector: '', successCondition: '', resultMessage: null },
};

/** Whether the results of a check come from outside. Ambit determines those of the other types from the services. */
export const isReported = (type: CheckType): type is ReportedType => type === 'MANUAL' || type === 'CUSTOM_EVENT';

export type ReportedType = 'MANUAL' | 'CUSTOM_EVENT';

/** The settings of a check. A setting that the row does not have, because the row is older, has its default. */
export const settingsOf = <Type extends CheckType>(type: Type, stored: object): Settings[Type] => ({
  ...DEFAULTS[type],
  ...stored,
});
