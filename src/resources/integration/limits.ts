/** Limits of events. */
export const EVENT_LIMITS = {
  /** Bytes of a payload of type CUSTOM_EVENT. */
  customEvent: 4_000_000,
  /** Bytes of a payload of type DEPLOY. */
  deploy: 100_000,
  /** Levels of arrays and objects in a payload. */
  depth: 100,
  /** Processed events of one integration whose payload is kept, and the bytes of their payloads. */
  kept: 100,
  keptBytes: 20_000_000,
  /** Events of one organization that are not processed yet, and the bytes of their payloads. */
  queued: 50_000,
  queuedBytes: 100_000_000,
  /** Idempotency keys of one integration, and hours for which they are kept. */
  keys: 10_000,
  keyHours: 24,
} as const;

/** Maximum number of integrations of an organization. */
export const MAX_INTEGRATIONS = 100;
