/** How the events of an integration are evaluated. */
export interface EventRules {
  /** A program of jq. It yields the aliases of the services that the payload is about. */
  readonly serviceSelector: string;
  /** A program of jq. It yields whether the service passes. */
  readonly successCondition: string;
  /** A template of Liquid for the message of the result. Null for none. */
  readonly resultMessage: string | null;
}

/** What the rules say about a service. */
export type ServiceOutcome =
  | { readonly alias: string; readonly status: 'PASSED' | 'FAILED'; readonly message: string | null }
  | { readonly alias: string; readonly error: string };

/** What the rules say about a payload. */
export type PayloadOutcome = { readonly services: readonly ServiceOutcome[] } | { readonly error: string };

/** What is wrong with the rules. */
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
