/** How the events of an integration are evaluated. */
export interface EventRules {
  /** A jq program that yields the aliases of the services that the payload is about. */
  readonly serviceSelector: string;
  /** A jq program that yields whether the service passes. */
  readonly successCondition: string;
  /** A Liquid template for the message of the result. Null for none. */
  readonly resultMessage: string | null;
}

/** The result of the rules for a service. */
export type ServiceOutcome =
  | { readonly alias: string; readonly status: 'PASSED' | 'FAILED'; readonly message: string | null }
  | { readonly alias: string; readonly error: string };

/** The result of the rules for a payload. */
export type PayloadOutcome = { readonly services: readonly ServiceOutcome[] } | { readonly error: string };

/** An error in the rules. */
export interface RuleProblem {
  readonly field: keyof EventRules;
  /** Without the name of the field and without a full stop. */
  readonly message: string;
}

/** A task for the thread. The payloads are JSON texts. */
export type Task =
  | { readonly kind: 'check'; readonly rules: EventRules }
  | { readonly kind: 'evaluate'; readonly rules: EventRules; readonly payloads: readonly string[] };

/** `outcomes` is null if jq has crashed. The payloads can then be tried one by one. `cpuMs` is the CPU time of the task. */
export type TaskResult<Kind extends Task['kind'] = Task['kind']> = Kind extends 'check'
  ? { readonly problem: RuleProblem | null }
  : { readonly outcomes: readonly PayloadOutcome[] | null; readonly cpuMs: number };
