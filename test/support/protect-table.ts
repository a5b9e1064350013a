/**
 * Adds `ambit.protect` after the statement that creates the table, or at the end if an earlier migration has created it. In
 * a cluster, the call distributes the table, and Citus refuses foreign keys from a local table to a distributed one.
 */
export function protectTable(migration: string, name: string): string {
  const call = `\n--> statement-breakpoint\nCALL ambit.protect('${name}');`;
  const [created] = new RegExp(`^CREATE TABLE "${name}" \\([^;]*\\n\\);`, 'm').exec(migration) ?? [];
  return created ? migration.replace(created, () => created + call) : `${migration.trimEnd()}${call}\n`;
}
