/** Numbers of services, by level. */
export interface LevelNumbers {
  readonly services: number;
  /** In the order of the levels, lowest level first. */
  readonly byLevel: readonly number[];
  /** Services without a level. */
  readonly none: number;
}

/** Services with the same team or category. `id` is null for services without one, and if it is not visible to the caller. */
export interface NamedGroup extends LevelNumbers {
  readonly id: string | null;
  readonly name: string;
}

export interface TrendDay extends LevelNumbers {
  readonly day: Date;
}

/** A check that prevents services from having their next level. */
export interface NextStep {
  readonly check: string;
  readonly category: string | null;
  readonly level: string | null;
  /** The number of services that fail it and need it for their next level. */
  readonly services: number;
  /** The number of them that need nothing else for their next level. */
  readonly decisive: number;
}

export interface MaturityReport {
  /** The names of the levels, lowest level first. */
  readonly levels: readonly string[];
  readonly overall: LevelNumbers;
  readonly categories: readonly NamedGroup[];
  /** The teams with the most services come first. */
  readonly teams: readonly NamedGroup[];
  /** Null if some services are hidden from the caller. */
  readonly trend: readonly TrendDay[] | null;
  /** The checks with the largest effect. */
  readonly steps: readonly NextStep[];
  /** The number of services that need one check for their next level. */
  readonly closest: number;
}
