CREATE TABLE "organization_slugs" (
	"slug" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	CONSTRAINT "organization_slugs_one" UNIQUE("organization_id")
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"organization_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"principal_id" uuid NOT NULL,
	CONSTRAINT "memberships_user_id_organization_id_pk" PRIMARY KEY("user_id","organization_id")
);
--> statement-breakpoint
CREATE TABLE "passwords" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "people" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "people_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CREATE TABLE "organization_secrets" (
	"hash" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL
);
--> statement-breakpoint
ALTER TABLE "organizations" DROP CONSTRAINT "organizations_slug";--> statement-breakpoint
ALTER TABLE "principals" DROP CONSTRAINT "principals_user_id_users_id_fk";
--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_member";
--> statement-breakpoint
DROP INDEX "api_tokens_by_hash";--> statement-breakpoint
DROP INDEX "invitations_by_hash";--> statement-breakpoint
DROP INDEX "principals_by_user";--> statement-breakpoint
ALTER TABLE "refresh_tokens" ADD COLUMN "user_id" uuid;--> statement-breakpoint
ALTER TABLE "passwords" ADD CONSTRAINT "passwords_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "people" ADD CONSTRAINT "people_member" FOREIGN KEY ("organization_id","id") REFERENCES "public"."principals"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "memberships_by_organization" ON "memberships" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "people_by_email" ON "people" USING btree ("organization_id",lower("email"));--> statement-breakpoint
CREATE INDEX "organization_secrets_by_organization" ON "organization_secrets" USING btree ("organization_id");--> statement-breakpoint
-- The owner of the tables may not be a superuser, so the rows are copied while row-level security does not apply to it.
ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE principals NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE refresh_tokens NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE invitations NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
INSERT INTO organization_slugs (slug, organization_id) SELECT slug, id FROM organizations;--> statement-breakpoint
INSERT INTO memberships (organization_id, user_id, principal_id)
SELECT organization_id, user_id, id FROM principals WHERE user_id IS NOT NULL;--> statement-breakpoint
INSERT INTO people (organization_id, id, email, name, created_at)
SELECT p.organization_id, u.id, u.email, u.name, u.created_at FROM principals p JOIN users u ON u.id = p.user_id;--> statement-breakpoint
INSERT INTO organization_secrets (hash, organization_id)
SELECT hash, organization_id FROM api_tokens UNION ALL SELECT hash, organization_id FROM invitations;--> statement-breakpoint
INSERT INTO passwords (user_id, hash) SELECT id, password_hash FROM users;--> statement-breakpoint
ALTER TABLE users DROP COLUMN password_hash;--> statement-breakpoint
UPDATE refresh_tokens r SET user_id = s.user_id FROM sessions s WHERE s.id = r.session_id;--> statement-breakpoint
ALTER TABLE refresh_tokens ALTER COLUMN user_id SET NOT NULL;--> statement-breakpoint
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE principals FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE users FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;--> statement-breakpoint

-- Whether the tables are distributed over a Citus cluster. Plain PostgreSQL has no table of this name.
CREATE FUNCTION ambit.is_distributed() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN
  IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN RETURN false; END IF;
  RETURN EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = 'public.organizations'::regclass);
END $$;--> statement-breakpoint

-- Citus does not support subselects in policies. Without them, a policy reads the setting once per row instead of once per
-- statement.
CREATE PROCEDURE ambit.simplify_policies(name text) LANGUAGE plpgsql AS $$
DECLARE subselect text := '\( SELECT ambit\.(\w+)\(\) AS \1\)'; policy record;
BEGIN
  FOR policy IN SELECT policyname, regexp_replace(qual, subselect, 'ambit.\1()', 'g') AS qual,
      regexp_replace(with_check, subselect, 'ambit.\1()', 'g') AS with_check
    FROM pg_policies WHERE schemaname = 'public' AND tablename = name AND concat(qual, with_check) ~ subselect LOOP
    EXECUTE format('ALTER POLICY %I ON public.%I%s%s', policy.policyname, name,
      ' USING (' || policy.qual || ')', ' WITH CHECK (' || policy.with_check || ')');
  END LOOP;
END $$;--> statement-breakpoint
REVOKE EXECUTE ON PROCEDURE ambit.simplify_policies(text) FROM PUBLIC;--> statement-breakpoint

-- Adds a table to the cluster. With a distribution column, its rows are distributed over the workers. Otherwise the table stays
-- on the coordinator, and a transaction that changes it and a shard is committed with two-phase commit.
CREATE PROCEDURE ambit.distribute(name text, distribution_column text) LANGUAGE plpgsql AS $$
DECLARE id text := format('public.%I', name);
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = id::regclass) THEN RETURN; END IF;
  IF distribution_column IS NULL THEN
    PERFORM citus_add_local_table_to_metadata(id::regclass, cascade_via_foreign_keys => true);
    RETURN;
  END IF;
  -- The rows are copied by the owner of the table, who may not be a superuser.
  EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', id);
  PERFORM create_distributed_table(id::regclass, distribution_column, colocate_with =>
    CASE name WHEN 'organizations' THEN 'none' ELSE 'public.organizations' END);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', id);
END $$;--> statement-breakpoint
REVOKE EXECUTE ON PROCEDURE ambit.distribute(text, text) FROM PUBLIC;--> statement-breakpoint

-- Also distributes the table in a cluster. It must be called before foreign keys are added, because Citus does not support
-- foreign keys from a local table to a distributed one.
CREATE OR REPLACE PROCEDURE ambit.protect(name text) LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant ON public.%I TO ambit_runtime
    USING (organization_id = (SELECT ambit.organization_id()))
    WITH CHECK (organization_id = (SELECT ambit.organization_id()))', name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO ambit_runtime', name);
  IF ambit.is_distributed() THEN
    CALL ambit.simplify_policies(name);
    CALL ambit.distribute(name, 'organization_id');
  END IF;
END $$;--> statement-breakpoint
-- Turns a table into a directory: a table of the instance that finds the organization of something. Its rows can be read
-- and written like those of a tenant table, but it is never distributed.
CREATE PROCEDURE ambit.protect_directory(name text) LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY directory ON public.%I TO ambit_runtime
    USING (organization_id = (SELECT ambit.organization_id()))
    WITH CHECK (organization_id = (SELECT ambit.organization_id()))', name);
  EXECUTE format('CREATE POLICY lookup ON public.%I FOR SELECT TO ambit_lookup USING (true)', name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO ambit_runtime', name);
  EXECUTE format('GRANT SELECT ON public.%I TO ambit_lookup', name);
  IF ambit.is_distributed() THEN
    CALL ambit.simplify_policies(name);
    CALL ambit.distribute(name, NULL);
  END IF;
END $$;--> statement-breakpoint
REVOKE EXECUTE ON PROCEDURE ambit.protect_directory(text) FROM PUBLIC;--> statement-breakpoint

CALL ambit.protect('people');--> statement-breakpoint
CALL ambit.protect_directory('organization_slugs');--> statement-breakpoint
CALL ambit.protect_directory('organization_secrets');--> statement-breakpoint
CALL ambit.protect_directory('memberships');--> statement-breakpoint
-- A member, a person and a membership are created only for the user that the transaction is bound to. Each command has its
-- own policy, because a restrictive policy must not be used: Citus 13 makes it permissive on the shards.
DROP POLICY joins ON principals;--> statement-breakpoint
DROP POLICY tenant ON principals;--> statement-breakpoint
CREATE POLICY tenant ON principals FOR SELECT TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
CREATE POLICY joins ON principals FOR INSERT TO ambit_runtime
  WITH CHECK (organization_id = (SELECT ambit.organization_id()) AND (user_id IS NULL OR user_id = (SELECT ambit.user_id())));--> statement-breakpoint
CREATE POLICY changes ON principals FOR UPDATE TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
CREATE POLICY leaves ON principals FOR DELETE TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
DROP POLICY tenant ON people;--> statement-breakpoint
CREATE POLICY tenant ON people FOR SELECT TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
CREATE POLICY joins ON people FOR INSERT TO ambit_runtime
  WITH CHECK (organization_id = (SELECT ambit.organization_id()) AND id = (SELECT ambit.user_id()));--> statement-breakpoint
DROP POLICY directory ON memberships;--> statement-breakpoint
CREATE POLICY directory ON memberships FOR SELECT TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
CREATE POLICY joins ON memberships FOR INSERT TO ambit_runtime
  WITH CHECK (organization_id = (SELECT ambit.organization_id()) AND user_id = (SELECT ambit.user_id()));--> statement-breakpoint
CREATE POLICY leaves ON memberships FOR DELETE TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
-- A person is a copy of a user, and is deleted with the member.
REVOKE UPDATE, DELETE ON people FROM ambit_runtime;--> statement-breakpoint
REVOKE UPDATE ON memberships FROM ambit_runtime;--> statement-breakpoint

-- Organizations see `people` instead of `users`.
DROP POLICY fellow ON users;--> statement-breakpoint
ALTER TABLE passwords ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE passwords FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY self ON passwords TO ambit_runtime
  USING (user_id = (SELECT ambit.user_id())) WITH CHECK (user_id = (SELECT ambit.user_id()));--> statement-breakpoint
CREATE POLICY lookup ON passwords FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
GRANT INSERT ON passwords TO ambit_runtime;--> statement-breakpoint
GRANT SELECT ON passwords TO ambit_lookup;--> statement-breakpoint
-- A session is bound only to the organization of the transaction, because no foreign key refers to the member any more.
ALTER POLICY self ON sessions WITH CHECK (user_id = (SELECT ambit.user_id())
  AND (organization_id IS NULL OR organization_id = (SELECT ambit.organization_id())));--> statement-breakpoint
ALTER POLICY self ON refresh_tokens
  USING (user_id = (SELECT ambit.user_id())) WITH CHECK (user_id = (SELECT ambit.user_id()));--> statement-breakpoint

-- Citus does not send grants on columns to the workers. Grants on tables and a trigger protect the columns instead. Only the
-- owner of the tables can change them. The function reads the owner of the schema, because Citus hides shards in pg_class.
CREATE FUNCTION ambit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF pg_has_role(current_user, (SELECT nspowner FROM pg_namespace WHERE oid = 'ambit'::regnamespace), 'USAGE') THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'a column of % must not change', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;--> statement-breakpoint
REVOKE ALL ON users, organizations FROM ambit_runtime;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON users TO ambit_runtime;--> statement-breakpoint
CREATE TRIGGER columns_stay BEFORE UPDATE ON users FOR EACH ROW
  WHEN ((NEW.id, NEW.email, NEW.name, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.email, OLD.name, OLD.created_at))
  EXECUTE FUNCTION ambit.refuse_change();--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON organizations TO ambit_runtime;--> statement-breakpoint
CREATE TRIGGER columns_stay BEFORE UPDATE ON organizations FOR EACH ROW
  WHEN ((NEW.id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.created_at))
  EXECUTE FUNCTION ambit.refuse_change();--> statement-breakpoint
REVOKE ALL ON projects FROM ambit_lookup;--> statement-breakpoint
GRANT SELECT ON projects TO ambit_lookup;--> statement-breakpoint

-- The services clear the owner of a check. Citus does not support ON DELETE SET NULL with the distribution column in the key.
ALTER TABLE checks DROP CONSTRAINT checks_owner;--> statement-breakpoint
ALTER TABLE checks ADD CONSTRAINT checks_owner FOREIGN KEY (organization_id, owner_id)
  REFERENCES principals (organization_id, id);--> statement-breakpoint

-- One statement changes access_version once, however many rows it changes: PostgreSQL keeps each version of a row that a
-- transaction updates, so 5,000 updates of one organization take seconds. In a cluster, the update runs on a worker, which
-- needs the value of the distribution column and cannot join the changed rows.
DROP TRIGGER access_changed ON principals;--> statement-breakpoint
DROP TRIGGER access_changed ON projects;--> statement-breakpoint
DROP TRIGGER access_changed ON policies;--> statement-breakpoint
DROP TRIGGER access_changed ON roles;--> statement-breakpoint
DROP TRIGGER access_changed ON role_policies;--> statement-breakpoint
DROP TRIGGER access_changed ON assignments;--> statement-breakpoint
CREATE OR REPLACE FUNCTION ambit.access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE organization uuid;
BEGIN
  FOR organization IN SELECT DISTINCT organization_id FROM changed LOOP
    UPDATE public.organizations SET access_version = access_version + 1 WHERE id = organization;
  END LOOP;
  RETURN NULL;
END $$;--> statement-breakpoint
-- Each change of the table increments the access_version of its organization. For tables that decide who may do what.
CREATE PROCEDURE ambit.count_access_changes(name text) LANGUAGE plpgsql AS $$
DECLARE event text;
BEGIN
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    EXECUTE format('CREATE TRIGGER access_changed_by_%s AFTER %1$s ON public.%I REFERENCING %s TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION ambit.access_changed()', event, name, CASE event WHEN 'delete' THEN 'OLD' ELSE 'NEW' END);
  END LOOP;
END $$;--> statement-breakpoint
REVOKE EXECUTE ON PROCEDURE ambit.count_access_changes(text) FROM PUBLIC;--> statement-breakpoint
CALL ambit.count_access_changes('principals');--> statement-breakpoint
CALL ambit.count_access_changes('projects');--> statement-breakpoint
CALL ambit.count_access_changes('policies');--> statement-breakpoint
CALL ambit.count_access_changes('roles');--> statement-breakpoint
CALL ambit.count_access_changes('role_policies');--> statement-breakpoint
CALL ambit.count_access_changes('assignments');--> statement-breakpoint

-- Binds the transaction to an organization and a user. The distribution replaces this function by one that also binds the
-- transactions on the workers.
CREATE FUNCTION ambit.bind(organization text, person text) RETURNS text LANGUAGE sql VOLATILE
  RETURN set_config('ambit.organization_id', coalesce(organization, ''), true)
    || set_config('ambit.user_id', coalesce(person, ''), true);--> statement-breakpoint

-- The checks of a credential outside of a transaction. The distribution replaces them, because Citus sends a binding to the
-- workers only in a transaction.
CREATE FUNCTION ambit.check_session(session uuid, organization uuid, person uuid, version text) RETURNS boolean
  LANGUAGE sql STABLE RETURN ambit.is_session_unchanged(session, organization, person, version);--> statement-breakpoint
CREATE FUNCTION ambit.check_api_token(secret_hash text, organization uuid, person uuid, version text) RETURNS boolean
  LANGUAGE sql STABLE RETURN ambit.is_api_token_unchanged(secret_hash, organization, person, version);--> statement-breakpoint

-- The lookups in two steps: a table of the instance finds the organization, and the rest is read in this organization.
DROP FUNCTION ambit.find_memberships(uuid);--> statement-breakpoint
CREATE FUNCTION ambit.find_memberships(person uuid)
RETURNS TABLE (organization_id uuid, slug text, name text, principal_id uuid, built_in_role_id uuid, role_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT o.id, o.slug, o.name, p.id, a.built_in_role_id, r.name
  FROM public.memberships m JOIN public.organizations o ON o.id = m.organization_id
  JOIN public.principals p ON p.organization_id = m.organization_id AND p.user_id = m.user_id
  JOIN public.assignments a ON a.organization_id = p.organization_id AND a.principal_id = p.id AND a.project_id IS NULL
  LEFT JOIN public.roles r ON r.organization_id = a.organization_id AND r.id = a.role_id
  WHERE m.user_id = person ORDER BY p.id;
END $$;--> statement-breakpoint

CREATE OR REPLACE FUNCTION ambit.find_user_by_email(address text)
RETURNS TABLE (id uuid, password_hash text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT u.id, w.hash FROM public.users u JOIN public.passwords w ON w.user_id = u.id WHERE lower(u.email) = lower(address);
END $$;--> statement-breakpoint

CREATE OR REPLACE FUNCTION ambit.find_refresh_token(secret_hash text)
RETURNS TABLE (session_id uuid, user_id uuid, organization_id uuid, expires_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT s.id, s.user_id, s.organization_id, s.expires_at
  -- Row-level security compares the user of the token only, so that it must be the user of the session.
  FROM public.refresh_tokens r JOIN public.sessions s ON s.id = r.session_id AND s.user_id = r.user_id
  WHERE r.hash = secret_hash;
END $$;--> statement-breakpoint

-- With new names: nodes of earlier versions, which do not write the directories, then cannot authenticate a mutation that
-- would have to write them.
DROP FUNCTION ambit.find_session(uuid);--> statement-breakpoint
DROP FUNCTION ambit.find_api_token(text);--> statement-breakpoint
CREATE FUNCTION ambit.find_session_actor(session uuid)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE s record; o record;
BEGIN
  SELECT s.id, s.expires_at, s.organization_id, u.id AS user_id, u.email, u.name, u.created_at
  INTO s FROM public.sessions s JOIN public.users u ON u.id = s.user_id WHERE s.id = session;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT o.id, o.slug, o.name, o.plan, o.access_version, p.id AS principal_id
  INTO o FROM public.organizations o JOIN public.principals p ON p.organization_id = o.id
  WHERE o.id = s.organization_id AND p.organization_id = s.organization_id AND p.user_id = s.user_id;
  RETURN QUERY SELECT s.id, 'WRITE', s.expires_at, s.user_id, s.email, s.name, s.created_at, o.id, o.slug, o.name, o.plan,
    o.access_version, o.principal_id,
    ROW(s.expires_at, s.email, s.name, s.created_at, o.slug, o.name, o.plan, o.access_version)::text;
END $$;--> statement-breakpoint

CREATE FUNCTION ambit.find_api_token_actor(secret_hash text)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE organization uuid := (SELECT d.organization_id FROM public.organization_secrets d WHERE d.hash = secret_hash);
  t record; u record;
BEGIN
  IF organization IS NULL THEN RETURN; END IF;
  SELECT t.id, t.access, t.expires_at, p.user_id, p.name, o.id AS organization_id, o.slug, o.name AS organization_name,
    o.plan, o.access_version, p.id AS principal_id
  INTO t FROM public.api_tokens t
  JOIN public.principals p ON p.organization_id = t.organization_id AND p.id = t.principal_id
  JOIN public.organizations o ON o.id = p.organization_id
  WHERE t.organization_id = organization AND t.hash = secret_hash;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT u.id, u.email, u.name, u.created_at INTO u FROM public.users u WHERE u.id = t.user_id;
  RETURN QUERY SELECT t.id, t.access, t.expires_at, u.id, u.email, coalesce(u.name, t.name), u.created_at,
    t.organization_id, t.slug, t.organization_name, t.plan, t.access_version, t.principal_id,
    ROW(t.id, t.principal_id, t.access, t.expires_at, u.email, u.name, u.created_at, t.slug, t.organization_name, t.plan,
      t.access_version)::text;
END $$;--> statement-breakpoint

-- Uses no worker, so that the caller can choose a connection for the worker that stores the organization.
CREATE FUNCTION ambit.find_secret_organization(secret_hash text) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN RETURN (SELECT d.organization_id FROM public.organization_secrets d WHERE d.hash = secret_hash); END $$;--> statement-breakpoint

CREATE FUNCTION ambit.find_member_organizations(person uuid)
RETURNS TABLE (organization_id uuid, slug text, principal_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT m.organization_id, s.slug, m.principal_id FROM public.memberships m
  JOIN public.organization_slugs s ON s.organization_id = m.organization_id WHERE m.user_id = person
  ORDER BY m.principal_id;
END $$;--> statement-breakpoint

CREATE OR REPLACE FUNCTION ambit.find_invitation(secret_hash text)
RETURNS TABLE (organization_id uuid, organization_name text, id uuid, email text, expires_at timestamptz,
  role_id uuid, role_name text, project_roles jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE organization uuid := (SELECT d.organization_id FROM public.organization_secrets d WHERE d.hash = secret_hash);
BEGIN
  IF organization IS NULL THEN RETURN; END IF;
  RETURN QUERY
  SELECT o.id, o.name, i.id, i.email, i.expires_at, i.role_id, r.name,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'project_name', p.name, 'role_id', given.role ->> 'roleId', 'role_name', q.name) ORDER BY given.at), '[]')
      FROM jsonb_array_elements(i.project_roles) WITH ORDINALITY AS given (role, at)
      LEFT JOIN public.projects p ON p.organization_id = organization AND p.id = (given.role ->> 'projectId')::uuid
      LEFT JOIN public.roles q ON q.organization_id = organization AND q.id = (given.role ->> 'roleId')::uuid)
  FROM public.invitations i JOIN public.organizations o ON o.id = i.organization_id
  LEFT JOIN public.roles r ON r.organization_id = i.organization_id AND r.id = i.role_id
  WHERE i.organization_id = organization AND i.hash = secret_hash;
END $$;--> statement-breakpoint

DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.find_session_actor(uuid), ambit.find_api_token_actor(text) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.find_session_actor(uuid), ambit.find_api_token_actor(text) TO ambit_runtime;
  ALTER FUNCTION ambit.find_session_actor(uuid) OWNER TO ambit_lookup;
  ALTER FUNCTION ambit.find_api_token_actor(text) OWNER TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.find_memberships(uuid) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.find_memberships(uuid) TO ambit_runtime;
  ALTER FUNCTION ambit.find_memberships(uuid) OWNER TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.find_secret_organization(text), ambit.find_member_organizations(uuid) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.find_secret_organization(text), ambit.find_member_organizations(uuid) TO ambit_runtime;
  ALTER FUNCTION ambit.find_secret_organization(text) OWNER TO ambit_lookup;
  ALTER FUNCTION ambit.find_member_organizations(uuid) OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
