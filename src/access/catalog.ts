/**
 * The permission catalog: each permission, its level, the least powerful built-in role that has it, and its purpose.
 *
 * `organization` is checked on the organization, `project` on a project, `both` on either. The organization's roles are
 * owner ⊃ admin ⊃ write ⊃ user ⊃ read ⊃ guest, a project's owner ⊃ manager ⊃ member ⊃ read. A pair that has no row does
 * not exist. `test/golden/permissions.tsv` holds what each row must say.
 */
export const CATALOG = [
  // permission, level, least organization role, least project role, description
  ['organization:read', 'organization', 'guest', null, 'See the organization and its settings'],
  ['organization:update', 'organization', 'admin', null, 'Rename the organization and change its settings'],
  ['organization:delete', 'organization', 'owner', null, 'Delete the organization and everything in it'],
  ['organization:transfer', 'organization', 'owner', null, 'Transfer the ownership to another member'],
  ['member:read', 'organization', 'read', null, 'See who belongs to the organization and with which role'],
  ['member:update', 'organization', 'admin', null, 'Change the role of a member and when it expires'],
  ['member:delete', 'organization', 'admin', null, 'Remove a member'],
  ['invitation:read', 'organization', 'admin', null, 'See pending invitations'],
  ['invitation:create', 'organization', 'admin', null, 'Invite someone by e-mail with a role'],
  ['invitation:update', 'organization', 'admin', null, 'Send an invitation again'],
  ['invitation:delete', 'organization', 'admin', null, 'Revoke an invitation'],
  ['session:read', 'organization', 'admin', null, "See other members' sessions"],
  ['session:delete', 'organization', 'admin', null, 'Sign other members out'],
  ['role:read', 'both', 'read', 'read', 'See roles and what they grant'],
  ['role:create', 'both', 'admin', 'owner', 'Create a custom role'],
  ['role:update', 'both', 'admin', 'owner', 'Change a custom role'],
  ['role:delete', 'both', 'admin', 'owner', 'Delete a custom role'],
  ['policy:read', 'both', 'read', 'read', 'See policies and their permissions'],
  ['policy:create', 'both', 'admin', 'owner', 'Create a custom policy'],
  ['policy:update', 'both', 'admin', 'owner', 'Change a custom policy'],
  ['policy:delete', 'both', 'admin', 'owner', 'Delete a custom policy'],
  ['service_account:read', 'organization', 'read', null, 'See service accounts'],
  ['service_account:create', 'organization', 'admin', null, 'Create a service account'],
  ['service_account:update', 'organization', 'admin', null, 'Change a service account or its role'],
  ['service_account:delete', 'organization', 'admin', null, 'Delete a service account and its tokens'],
  ['api_token:read', 'organization', 'admin', null, "See other members' API tokens"],
  ['api_token:create', 'organization', 'user', null, 'Create read-only API tokens for oneself'],
  ['api_token:grant_write', 'organization', 'admin', null, 'Give an API token write access'],
  ['api_token:delete', 'organization', 'admin', null, "Revoke other members' API tokens"],
  ['api_key:read', 'project', 'read', 'member', 'See the API keys of a project'],
  ['api_key:create', 'project', 'write', 'manager', 'Create an API key for a project'],
  ['api_key:update', 'project', 'write', 'manager', 'Rename, restrict or rotate an API key'],
  ['api_key:delete', 'project', 'write', 'manager', 'Revoke an API key'],
  ['plan:read', 'organization', 'admin', null, 'See the plan and its limits'],
  ['usage:read', 'organization', 'admin', null, 'See the current usage'],
  ['billing:read', 'organization', 'admin', null, 'See billing'],
  ['billing:update', 'organization', 'admin', null, 'Change the plan'],
  ['sso_connection:read', 'organization', 'admin', null, 'See the single sign-on configuration'],
  ['sso_connection:create', 'organization', 'admin', null, 'Connect an identity provider'],
  ['sso_connection:update', 'organization', 'admin', null, 'Change the connection or enforce it for all members'],
  ['sso_connection:delete', 'organization', 'admin', null, 'Disconnect the identity provider'],
  ['audit_event:read', 'organization', 'admin', null, 'Read the audit log'],
  ['audit_event:export', 'organization', 'admin', null, 'Export the audit log'],
  ['access:read', 'organization', 'admin', null, 'See what other principals may do, and why'],
  ['tier:read', 'organization', 'read', null, 'See the service tiers'],
  ['tier:create', 'organization', 'admin', null, 'Create a service tier'],
  ['tier:update', 'organization', 'admin', null, 'Update a service tier'],
  ['tier:delete', 'organization', 'admin', null, 'Delete a service tier'],
  ['lifecycle:read', 'organization', 'read', null, 'See the lifecycle stages'],
  ['lifecycle:create', 'organization', 'admin', null, 'Create a lifecycle stage'],
  ['lifecycle:update', 'organization', 'admin', null, 'Update a lifecycle stage'],
  ['lifecycle:delete', 'organization', 'admin', null, 'Delete a lifecycle stage'],
  ['team:read', 'organization', 'read', null, 'See the teams'],
  ['team:create', 'organization', 'user', null, 'Create a team'],
  ['team:update', 'organization', 'user', null, 'Update a team'],
  ['team:delete', 'organization', 'user', null, 'Delete a team'],
  ['service:read', 'organization', 'read', null, 'See the services'],
  ['service:create', 'organization', 'user', null, 'Create a service'],
  ['service:update', 'organization', 'user', null, 'Update a service'],
  ['service:delete', 'organization', 'user', null, 'Delete a service'],
  ['check:read', 'organization', 'read', null, 'See the checks'],
  ['check:create', 'organization', 'admin', null, 'Create a check'],
  ['check:update', 'organization', 'admin', null, 'Update a check'],
  ['check:delete', 'organization', 'admin', null, 'Delete a check'],
  ['campaign:read', 'organization', 'read', null, 'See the campaigns'],
  ['campaign:create', 'organization', 'admin', null, 'Create a campaign'],
  ['campaign:update', 'organization', 'admin', null, 'Update a campaign'],
  ['campaign:delete', 'organization', 'admin', null, 'Delete a campaign'],
  ['category:read', 'organization', 'read', null, 'See the rubric categories'],
  ['category:create', 'organization', 'admin', null, 'Create a rubric category'],
  ['category:update', 'organization', 'admin', null, 'Update a rubric category'],
  ['category:delete', 'organization', 'admin', null, 'Delete a rubric category'],
  ['level:read', 'organization', 'read', null, 'See the rubric levels'],
  ['level:create', 'organization', 'admin', null, 'Create a rubric level'],
  ['level:update', 'organization', 'admin', null, 'Update a rubric level'],
  ['level:delete', 'organization', 'admin', null, 'Delete a rubric level'],
  ['filter:read', 'organization', 'read', null, 'See the filters'],
  ['filter:create', 'organization', 'admin', null, 'Create a filter'],
  ['filter:update', 'organization', 'admin', null, 'Update a filter'],
  ['filter:delete', 'organization', 'admin', null, 'Delete a filter'],
  ['scorecard:read', 'organization', 'read', null, 'See the scorecards'],
  ['scorecard:create', 'organization', 'admin', null, 'Create a scorecard'],
  ['scorecard:update', 'organization', 'admin', null, 'Update a scorecard'],
  ['scorecard:delete', 'organization', 'admin', null, 'Delete a scorecard'],
  ['property_definition:read', 'organization', 'read', null, 'See the property definitions'],
  ['property_definition:create', 'organization', 'admin', null, 'Create a property definition'],
  ['property_definition:update', 'organization', 'admin', null, 'Update a property definition'],
  ['property_definition:delete', 'organization', 'admin', null, 'Delete a property definition'],
  ['integration:read', 'organization', 'read', null, 'See the integrations'],
  ['integration:create', 'organization', 'admin', null, 'Create an integration'],
  ['integration:update', 'organization', 'admin', null, 'Update an integration'],
  ['integration:delete', 'organization', 'admin', null, 'Delete an integration'],
  ['rubric:read', 'organization', 'read', null, 'See the rubric'],
  ['rubric:update', 'organization', 'admin', null, 'Change the rubric'],
  ['check_result:read', 'organization', 'read', null, 'See check results and maturity reports'],
  ['check_result:create', 'organization', 'user', null, 'Report the result of a check, and run checks'],
  ['project:create', 'organization', 'write', null, 'Create a project'],
  ['project:read', 'project', 'read', 'read', 'See a project'],
  ['project:update', 'project', 'write', 'manager', 'Rename a project and change its settings'],
  ['project:delete', 'project', 'admin', 'owner', 'Delete a project and everything in it'],
  ['dataset:create', 'project', 'write', 'member', 'Create a dataset'],
  ['dataset:read', 'project', 'read', 'read', 'See datasets'],
  ['dataset:update', 'project', 'write', 'member', 'Change a dataset'],
  ['dataset:delete', 'project', 'write', 'member', 'Delete a dataset'],
  ['dataset:evaluate', 'project', 'write', 'member', 'Run evaluations on a dataset'],
  ['golden:create', 'project', 'write', 'member', 'Create a golden'],
  ['golden:read', 'project', 'read', 'read', 'See goldens'],
  ['golden:update', 'project', 'write', 'member', 'Change a golden'],
  ['golden:delete', 'project', 'write', 'member', 'Delete a golden'],
  ['golden:assign', 'project', 'write', 'member', 'Assign a golden to people or queues'],
  ['metric:create', 'project', 'write', 'member', 'Create a metric'],
  ['metric:read', 'project', 'read', 'read', 'See metrics'],
  ['metric:update', 'project', 'write', 'member', 'Change a metric'],
  ['metric:delete', 'project', 'write', 'member', 'Delete a metric'],
  ['metric_collection:create', 'project', 'write', 'member', 'Create a metric collection'],
  ['metric_collection:read', 'project', 'read', 'read', 'See metric collections'],
  ['metric_collection:update', 'project', 'write', 'member', 'Change a metric collection'],
  ['metric_collection:delete', 'project', 'write', 'member', 'Delete a metric collection'],
  ['metric_collection:evaluate', 'project', 'write', 'member', 'Run evaluations on a metric collection'],
  ['trace:create', 'project', 'write', 'member', 'Create a trace'],
  ['trace:read', 'project', 'read', 'read', 'See traces'],
  ['trace:read_content', 'project', 'read', 'read', 'See inputs, outputs and attributes of traces and spans'],
  ['trace:update', 'project', 'write', 'member', 'Change a trace'],
  ['trace:delete', 'project', 'write', 'member', 'Delete a trace'],
  ['trace:evaluate', 'project', 'write', 'member', 'Run evaluations on a trace'],
  ['trace:assign', 'project', 'write', 'member', 'Assign a trace to people or queues'],
  ['span:create', 'project', 'write', 'member', 'Create a span'],
  ['span:read', 'project', 'read', 'read', 'See spans'],
  ['span:update', 'project', 'write', 'member', 'Change a span'],
  ['span:delete', 'project', 'write', 'member', 'Delete a span'],
  ['span:evaluate', 'project', 'write', 'member', 'Run evaluations on a span'],
  ['span:assign', 'project', 'write', 'member', 'Assign a span to people or queues'],
  ['thread:create', 'project', 'write', 'member', 'Create a thread'],
  ['thread:read', 'project', 'read', 'read', 'See threads'],
  ['thread:update', 'project', 'write', 'member', 'Change a thread'],
  ['thread:delete', 'project', 'write', 'member', 'Delete a thread'],
  ['thread:evaluate', 'project', 'write', 'member', 'Run evaluations on a thread'],
  ['thread:assign', 'project', 'write', 'member', 'Assign a thread to people or queues'],
  ['test_run:create', 'project', 'write', 'member', 'Create a test run'],
  ['test_run:read', 'project', 'read', 'read', 'See test runs'],
  ['test_run:update', 'project', 'write', 'member', 'Change a test run'],
  ['test_run:delete', 'project', 'write', 'member', 'Delete a test run'],
  ['test_run:evaluate', 'project', 'write', 'member', 'Run evaluations on a test run'],
  ['test_run:assign', 'project', 'write', 'member', 'Assign a test run to people or queues'],
  ['test_case:create', 'project', 'write', 'member', 'Create a test case'],
  ['test_case:read', 'project', 'read', 'read', 'See test cases'],
  ['test_case:update', 'project', 'write', 'member', 'Change a test case'],
  ['test_case:delete', 'project', 'write', 'member', 'Delete a test case'],
  ['test_case:evaluate', 'project', 'write', 'member', 'Run evaluations on a test case'],
  ['test_case:assign', 'project', 'write', 'member', 'Assign a test case to people or queues'],
  ['experiment:create', 'project', 'write', 'member', 'Create an experiment'],
  ['experiment:read', 'project', 'read', 'read', 'See experiments'],
  ['experiment:update', 'project', 'write', 'member', 'Change an experiment'],
  ['experiment:delete', 'project', 'write', 'member', 'Delete an experiment'],
  ['experiment:evaluate', 'project', 'write', 'member', 'Run evaluations on an experiment'],
  ['prompt:create', 'project', 'write', 'member', 'Create a prompt'],
  ['prompt:read', 'project', 'read', 'read', 'See prompts'],
  ['prompt:update', 'project', 'write', 'member', 'Change a prompt'],
  ['prompt:delete', 'project', 'write', 'member', 'Delete a prompt'],
  ['prompt:evaluate', 'project', 'write', 'member', 'Run evaluations on a prompt'],
  ['prompt_version:create', 'project', 'write', 'member', 'Create a prompt version'],
  ['prompt_version:read', 'project', 'read', 'read', 'See prompt versions'],
  ['prompt_version:delete', 'project', 'write', 'member', 'Delete a prompt version'],
  ['prompt_version:evaluate', 'project', 'write', 'member', 'Run evaluations on a prompt version'],
  ['prompt_version:assign', 'project', 'write', 'member', 'Move a label to a prompt version'],
  ['annotation_queue:create', 'project', 'write', 'member', 'Create an annotation queue'],
  ['annotation_queue:read', 'project', 'read', 'read', 'See annotation queues'],
  ['annotation_queue:update', 'project', 'write', 'member', 'Change an annotation queue'],
  ['annotation_queue:delete', 'project', 'write', 'member', 'Delete an annotation queue'],
  ['annotation_queue:assign', 'project', 'write', 'member', 'Assign an annotation queue to people or queues'],
  ['queue_item:create', 'project', 'write', 'member', 'Create a queue item'],
  ['queue_item:read', 'project', 'read', 'read', 'See queue items'],
  ['queue_item:update', 'project', 'write', 'member', 'Change a queue item'],
  ['queue_item:delete', 'project', 'write', 'member', 'Delete a queue item'],
  ['queue_item:assign', 'project', 'write', 'member', 'Assign a queue item to people or queues'],
  ['project_member:read', 'project', 'read', 'read', 'See the members of a project and their roles'],
  ['project_member:create', 'project', 'admin', 'manager', 'Add a member to a project'],
  ['project_member:update', 'project', 'admin', 'manager', "Change a project member's role"],
  ['project_member:delete', 'project', 'admin', 'manager', 'Remove a member from a project'],
] as const;

export type Permission = (typeof CATALOG)[number][0];
export type Level = 'organization' | 'project' | 'both';

/** Organization roles, the least powerful first. */
export const BUILT_IN_ROLES = ['guest', 'read', 'user', 'write', 'admin', 'owner'] as const;
export type BuiltInRole = (typeof BUILT_IN_ROLES)[number];

/** Project roles, the least powerful first. `write` contains `read`, and neither contains `member` nor is contained in it. */
export const PROJECT_ROLES = ['read', 'member', 'write', 'manager', 'owner'] as const;
/** The project roles of which each contains the one before it. */
const PROJECT_LADDER: readonly ProjectRole[] = PROJECT_ROLES.filter((role) => role !== 'write');
export type ProjectRole = (typeof PROJECT_ROLES)[number];

export interface PermissionDefinition {
  name: Permission;
  level: Level;
  description: string;
  /** Organization roles that have it, the least first. */
  builtInRoles: BuiltInRole[];
  /** Project roles that have it, the least first. */
  projectRoles: ProjectRole[];
}

function projectRolesOf(level: Level, leastRole: BuiltInRole, leastProjectRole: string | null): ProjectRole[] {
  if (leastProjectRole === null) return [];
  const ladder = PROJECT_LADDER.slice(PROJECT_LADDER.indexOf(leastProjectRole as ProjectRole));
  const ofWrite = level === 'project' && BUILT_IN_ROLES.indexOf(leastRole) <= BUILT_IN_ROLES.indexOf('write');
  const inWrite = ofWrite || leastProjectRole === 'read';
  return PROJECT_ROLES.filter((role) => (role === 'write' ? inWrite : ladder.includes(role)));
}

// A Map and not an object, because clients send names and `constructor` is not a permission.
export const PERMISSIONS: ReadonlyMap<string, PermissionDefinition> = new Map(
  CATALOG.map(([name, level, leastRole, leastProjectRole, description]) => [
    name,
    {
      name,
      level,
      description,
      builtInRoles: BUILT_IN_ROLES.slice(BUILT_IN_ROLES.indexOf(leastRole)),
      projectRoles: projectRolesOf(level, leastRole, leastProjectRole),
    },
  ]),
);

/** Whether a READ token may have the permission. An export only reads. */
export const isReading = (permission: Permission): boolean => /:(read(_content)?|export)$/.test(permission);
