import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { canReadRole } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { isSelf, isVisible, kindOf, nameOf, publicIdOfPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { RoleType } from '../role/ref.ts';
import { ProjectMember } from './graphql.ts';
import { accessOf, findProjectRoleOf, listPeople, type ProjectPerson } from './people.ts';

const PrincipalKind = builder.enumType('PrincipalKind', {
  description: 'The kind of a principal.',
  values: {
    MEMBER: { value: 'member', description: 'A member: a person in the organization.' },
    SERVICE_ACCOUNT: { value: 'service account', description: 'A service account: a program.' },
  } as const,
});

const ProjectAccessReason = builder.enumType('ProjectAccessReason', {
  description: 'Why a member or service account has access to a project.',
  values: {
    ORGANIZATION_ROLE: {
      description: 'The organization role applies, because there is no project role in the project.',
    },
    PROJECT_ROLE: { description: 'The project role applies. It overrides the organization role in the project.' },
    NEVER_OVERRIDDEN: {
      description: 'The organization role is Owner or Admin, which no project role overrides.',
    },
  } as const,
});

const ProjectPersonType = builder.objectRef<ProjectPerson>('ProjectPerson').implement({
  description: 'A member or service account that has access to a project.',
  public: true,
  fields: (t) => ({
    principalId: t.id({
      description: 'The ID of the member or service account.',
      resolve: ({ principal }) => publicIdOfPrincipal(principal),
    }),
    name: t.string({
      description: 'The name of the person or of the service account.',
      resolve: ({ principal }, _args, ctx) => nameOf(ctx, principal),
    }),
    kind: t.field({
      type: PrincipalKind,
      description: 'Whether it is a member or a service account.',
      resolve: ({ principal }) => kindOf(principal),
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account. Null if it is not visible to the caller, which requires `member:read` or `service_account:read`.',
      resolve: ({ principal }, _args, ctx) => (isVisible(ctx, principal) ? principal : null),
    }),
    reason: t.field({
      type: ProjectAccessReason,
      description: 'Why the member or service account has access.',
      resolve: async (person, _args, ctx) => (await accessOf(ctx, person)).reason,
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The role that applies in the project: the project role or the organization role, as `reason` says. Null if it is a custom role that is not visible to the caller.',
      resolve: async (person, _args, ctx) => {
        const { role } = await accessOf(ctx, person);
        return role && (isSelf(person.principal, ctx) || canReadRole(ctx, role)) ? role : null;
      },
    }),
    permissions: t.field({
      type: ['Permission'],
      description: 'The permissions that the member or service account has in the project.',
      resolve: async (person, _args, ctx) => (await accessOf(ctx, person)).permissions,
    }),
    projectMember: t.field({
      type: ProjectMember,
      nullable: true,
      description:
        'The project role as an object, for `updateProjectMember` and `deleteProjectMember`. Null if there is none.',
      resolve: (person, _args, ctx) => findProjectRoleOf(ctx, person),
    }),
  }),
});

builder.objectField(Project, 'people', (t) =>
  t.connection(
    {
      type: ProjectPersonType,
      nullable: true,
      permission: 'project_member:read',
      on: (project) => project.id,
      description:
        'All members and service accounts that have access to the project, by a project role or by their organization role, in the order of joining. Names are visible without `member:read`. E-mail addresses are not.',
      resolve: (project, args, ctx) => listPeople(ctx, project.id, args),
    },
    connectionOf(ProjectPersonType),
  ),
);
