CREATE TABLE "request_counts" (
	"organization_id" uuid NOT NULL,
	"day" date NOT NULL,
	"requests" bigint NOT NULL,
	CONSTRAINT "request_counts_organization_id_day_pk" PRIMARY KEY("organization_id","day")
);
--> statement-breakpoint
CALL ambit.protect('request_counts');
--> statement-breakpoint
ALTER TABLE "api_tokens" ALTER COLUMN "principal_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "project_id" uuid;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "preset" text;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "permissions" text[];--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "project_ids" uuid[];--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "addresses" text[];--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "hint" text;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "previous_hash" text;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "previous_hint" text;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "previous_ends_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "lineage_at" timestamp with time zone DEFAULT now();--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "created_with_id" uuid;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "created_by_id" uuid;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "last_used_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "last_used_address" text;--> statement-breakpoint
ALTER TABLE "invitations" ADD COLUMN "secret" text;--> statement-breakpoint
ALTER TABLE "invitations" ADD COLUMN "mail_status" text DEFAULT 'SENT' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "api_token_max_days" integer;--> statement-breakpoint
ALTER TABLE "request_counts" ADD CONSTRAINT "request_counts_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_keys_project" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_created_with" FOREIGN KEY ("organization_id","created_with_id") REFERENCES "public"."api_tokens"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_tokens_by_creator" ON "api_tokens" USING btree ("organization_id","created_with_id");--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_name" ON "api_tokens" USING btree ("organization_id","project_id",lower("name")) WHERE project_id is not null;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_previous_hash" UNIQUE("organization_id","previous_hash");--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_owner" CHECK (("api_tokens"."principal_id" is null) <> ("api_tokens"."project_id" is null));--> statement-breakpoint
-- The owner of the tables may not be a superuser, so it is exempt from row-level security while it changes the rows.
ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE api_tokens SET lineage_at = created_at;--> statement-breakpoint
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;--> statement-breakpoint

-- The token or key with this secret, and what it acts for. A secret that was rotated ends at `previous_ends_at`.
CREATE FUNCTION ambit.find_token_actor(secret_hash text)
RETURNS TABLE (kind text, credential_id uuid, access text, expires_at timestamptz, project_id uuid, preset text,
  permissions text[], project_ids uuid[], addresses text[], user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE organization uuid := (SELECT d.organization_id FROM public.organization_secrets d WHERE d.hash = secret_hash);
  t record; u record;
BEGIN
  IF organization IS NULL THEN RETURN; END IF;
  SELECT t.id, t.principal_id, t.project_id, t.access, t.preset, t.permissions, t.project_ids, t.addresses,
    t.name, p.user_id, p.name AS principal_name, o.id AS organization_id, o.slug, o.name AS organization_name, o.plan, o.access_version,
    least(t.expires_at, t.lineage_at + o.api_token_max_days * interval '24 hours',
      CASE WHEN t.hash <> secret_hash THEN t.previous_ends_at END) AS expires_at
  INTO t FROM public.api_tokens t
  JOIN public.organizations o ON o.id = t.organization_id
  LEFT JOIN public.principals p ON p.organization_id = t.organization_id AND p.id = t.principal_id
  WHERE t.organization_id = organization AND (t.hash = secret_hash OR t.previous_hash = secret_hash);
  IF NOT FOUND THEN RETURN; END IF;
  SELECT u.id, u.email, u.name, u.created_at INTO u FROM public.users u WHERE u.id = t.user_id;
  RETURN QUERY SELECT CASE WHEN t.project_id IS NULL THEN 'API_TOKEN' ELSE 'API_KEY' END, t.id, t.access, t.expires_at,
    t.project_id, t.preset, t.permissions, t.project_ids, t.addresses, u.id, u.email,
    coalesce(u.name, t.principal_name, t.name), u.created_at, t.organization_id, t.slug, t.organization_name, t.plan,
    t.access_version, coalesce(t.principal_id, t.id),
    ROW(t.id, CASE WHEN t.principal_id IS NULL THEN t.name END, t.principal_id, t.project_id, t.access, t.expires_at, t.preset, t.permissions, t.project_ids, t.addresses,
      u.email, u.name, u.created_at, t.slug, t.organization_name, t.plan, t.access_version)::text;
END $$;--> statement-breakpoint

-- Whether a token or key still has the version that its lookup returned.
CREATE FUNCTION ambit.is_token_unchanged(secret_hash text, organization uuid, person uuid, version text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE current_version text;
BEGIN
  SELECT ROW(t.id, CASE WHEN t.principal_id IS NULL THEN t.name END, t.principal_id, t.project_id, t.access,
    least(t.expires_at, t.lineage_at + o.api_token_max_days * interval '24 hours',
      CASE WHEN t.hash <> secret_hash THEN t.previous_ends_at END),
    t.preset, t.permissions, t.project_ids, t.addresses,
    u.email, u.name, u.created_at, o.slug, o.name, o.plan, o.access_version)::text
  INTO current_version
  FROM public.api_tokens t JOIN public.organizations o ON o.id = organization LEFT JOIN public.users u ON u.id = person
  -- Each request runs this. With OR, PostgreSQL would always use both indexes.
  WHERE t.organization_id = organization AND t.id = coalesce(
    (SELECT c.id FROM public.api_tokens c WHERE c.organization_id = organization AND c.hash = secret_hash),
    (SELECT c.id FROM public.api_tokens c WHERE c.organization_id = organization AND c.previous_hash = secret_hash));
  RETURN coalesce(current_version = version, false);
END $$;--> statement-breakpoint
CREATE FUNCTION ambit.check_token(secret_hash text, organization uuid, person uuid, version text) RETURNS boolean
  LANGUAGE sql STABLE RETURN ambit.is_token_unchanged(secret_hash, organization, person, version);--> statement-breakpoint

-- For nodes of the earlier version, which call these names until they are replaced. They do not know narrowed tokens and
-- API keys, so these do not exist for them.
CREATE OR REPLACE FUNCTION ambit.find_api_token_actor(secret_hash text)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT f.credential_id, f.access, f.expires_at, f.user_id, f.email, f.name, f.user_created_at, f.organization_id, f.slug,
    f.organization_name, f.plan, f.access_version, f.principal_id, f.version
  FROM ambit.find_token_actor(secret_hash) f
  WHERE f.kind = 'API_TOKEN' AND f.permissions IS NULL AND f.project_ids IS NULL AND f.addresses IS NULL;
$$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION ambit.is_api_token_unchanged(secret_hash text, organization uuid, person uuid, version text)
RETURNS boolean LANGUAGE sql AS $$ SELECT ambit.is_token_unchanged(secret_hash, organization, person, version) $$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION ambit.check_api_token(secret_hash text, organization uuid, person uuid, version text)
RETURNS boolean LANGUAGE sql AS $$ SELECT ambit.check_token(secret_hash, organization, person, version) $$;--> statement-breakpoint

DO $$ DECLARE f regprocedure; BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  FOREACH f IN ARRAY ARRAY['ambit.find_token_actor(text)', 'ambit.is_token_unchanged(text,uuid,uuid,text)']::regprocedure[] LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ambit_runtime', f);
    EXECUTE format('ALTER FUNCTION %s OWNER TO ambit_lookup', f);
  END LOOP;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
--> statement-breakpoint

-- Users with sessions that expired an hour ago. The job that deletes them binds a transaction to each user.
CREATE FUNCTION ambit.list_users_with_expired_sessions(maximum integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN RETURN QUERY
  SELECT DISTINCT s.user_id FROM public.sessions s WHERE s.expires_at < now() - interval '1 hour' LIMIT maximum;
END $$;--> statement-breakpoint

-- The next ids of organizations, in their order. For jobs that visit every organization.
CREATE FUNCTION ambit.list_organizations(previous uuid, maximum integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN RETURN QUERY
  SELECT d.organization_id FROM public.organization_slugs d
  WHERE previous IS NULL OR d.organization_id > previous ORDER BY d.organization_id LIMIT maximum;
END $$;--> statement-breakpoint
DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.list_users_with_expired_sessions(integer), ambit.list_organizations(uuid,integer) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.list_users_with_expired_sessions(integer), ambit.list_organizations(uuid,integer) TO ambit_runtime;
  ALTER FUNCTION ambit.list_users_with_expired_sessions(integer) OWNER TO ambit_lookup;
  ALTER FUNCTION ambit.list_organizations(uuid,integer) OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
