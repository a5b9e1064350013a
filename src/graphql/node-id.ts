import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import { publicIdOf } from '../lib/ids.ts';

/**
 * Resolves the field `id` of nodes synchronously. The resolver of the relay plugin is asynchronous: five promises for each
 * `id`, of which a response with relations has hundreds.
 */
export const nodeIdPlugin = 'nodeId' as const;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      nodeId: NodeIdPlugin<Types>;
    }
  }
}

/** The options of `builder.node`. The relay plugin keeps them in the configuration of the type. */
interface NodeOptions {
  id?: { resolve(node: unknown): string };
}

export class NodeIdPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { parentType, name, kind } = config;
    if (kind !== 'Object' || name !== 'id') return config;
    const { id } = this.buildCache.getTypeConfig(parentType).pothosOptions as NodeOptions;
    return id ? { ...config, resolve: (node) => publicIdOf(parentType, id.resolve(node)) } : config;
  }
}

SchemaBuilder.registerPlugin(nodeIdPlugin, NodeIdPlugin);
