CREATE TABLE "plan_periods" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"plan" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"changed_by" uuid,
	CONSTRAINT "plan_periods_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);--> statement-breakpoint
DROP INDEX "invitations_email";--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "billing_email" text;--> statement-breakpoint
ALTER TABLE "plan_periods" ADD CONSTRAINT "plan_periods_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "plan_periods_by_start" ON "plan_periods" USING btree ("organization_id","started_at","id");--> statement-breakpoint
CREATE INDEX "invitations_by_email" ON "invitations" USING btree ("organization_id",lower("email"));--> statement-breakpoint
CALL ambit.protect('plan_periods');--> statement-breakpoint
-- The runtime role can update only listed columns of the organization.
GRANT UPDATE (billing_email) ON organizations TO ambit_runtime;--> statement-breakpoint
-- The first entry of the history of each organization. Its ID is that of the organization, a UUIDv7 of the same time.
ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE plan_periods NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
INSERT INTO plan_periods (organization_id, id, plan, started_at)
SELECT id, id, plan, created_at FROM organizations;--> statement-breakpoint
ALTER TABLE plan_periods FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;--> statement-breakpoint
-- The offer of an invitation names its projects and their roles. A name is null if its object was deleted.
GRANT SELECT (organization_id, id, name) ON projects TO ambit_lookup;--> statement-breakpoint
CREATE POLICY lookup ON projects FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
DROP FUNCTION ambit.find_invitation(text);--> statement-breakpoint
CREATE FUNCTION ambit.find_invitation(secret_hash text)
RETURNS TABLE (organization_id uuid, organization_name text, id uuid, email text, expires_at timestamptz,
  role_id uuid, role_name text, project_roles jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id, o.name, i.id, i.email, i.expires_at, i.role_id, r.name,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'project_name', p.name, 'role_id', given.role ->> 'roleId', 'role_name', q.name) ORDER BY given.at), '[]')
      FROM jsonb_array_elements(i.project_roles) WITH ORDINALITY AS given (role, at)
      LEFT JOIN public.projects p ON p.organization_id = i.organization_id AND p.id = (given.role ->> 'projectId')::uuid
      LEFT JOIN public.roles q ON q.organization_id = i.organization_id AND q.id = (given.role ->> 'roleId')::uuid)
  FROM public.invitations i JOIN public.organizations o ON o.id = i.organization_id
  LEFT JOIN public.roles r ON r.organization_id = i.organization_id AND r.id = i.role_id
  WHERE i.hash = secret_hash
$$;--> statement-breakpoint
DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.find_invitation(text) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.find_invitation(text) TO ambit_runtime;
  ALTER FUNCTION ambit.find_invitation(text) OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
