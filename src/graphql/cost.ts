import SchemaBuilder, {
  BasePlugin,
  type ConfigurableRef,
  type PothosOutputFieldConfig,
  type PothosOutputFieldType,
  type SchemaTypes,
} from '@pothos/core';
import { PERMISSIONS } from '../access/catalog.ts';

/** Gives each field whose value can be large a default cost by its type. The option `complexity` overrides it. */
export const costPlugin = 'cost' as const;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      cost: CostPlugin<Types>;
    }
  }
}

/** What a list counts as if its length is not known. */
export const LIST_COST = 10;

/** What a JSON value counts as. */
export const JSON_COST = 20;

/** What a list of permissions counts as: a role can have all of them. */
export const PERMISSIONS_COST = PERMISSIONS.size;

/** The most characters that a cost of 1 stands for. */
export const CHARACTERS_PER_COST = 1_000;

/** The cost of a text with at most this many characters. */
export const textCost = (characters: number): number => 1 + Math.floor(characters / CHARACTERS_PER_COST);

class CostPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const complexity = (config.pothosOptions as { complexity?: unknown }).complexity ?? this.costOf(config.type);
    return { ...config, pothosOptions: { ...config.pothosOptions, complexity } as never };
  }

  /** Undefined for a type whose values are small, and for objects, whose cost is that of their fields. */
  private costOf(type: PothosOutputFieldType<Types>): number | undefined {
    if (type.kind === 'Scalar') return this.nameOf(type) === 'JSON' ? JSON_COST : undefined;
    if (type.kind !== 'List' || (type.type.kind !== 'Scalar' && type.type.kind !== 'Enum')) return undefined;
    if (this.nameOf(type.type) === 'Permission') return 1 + PERMISSIONS_COST;
    return 1 + LIST_COST * (this.costOf(type.type) ?? 1);
  }

  private nameOf({ ref }: { ref: ConfigurableRef<Types> }): string {
    return this.builder.configStore.getTypeConfig(ref).name;
  }
}

SchemaBuilder.registerPlugin(costPlugin, CostPlugin);
