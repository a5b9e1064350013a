-- The enforcement layer in the database, which drizzle-kit cannot generate: roles, forced row-level security, grants, and
-- the lookup functions across organizations. A later migration that adds a tenant table calls ambit.protect('its_name').

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ambit_runtime') THEN CREATE ROLE ambit_runtime NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ambit_lookup') THEN CREATE ROLE ambit_lookup NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- roles belong to the cluster; another database created them at the same time
END $$;--> statement-breakpoint
GRANT ambit_runtime, ambit_lookup TO CURRENT_USER;--> statement-breakpoint
REVOKE ALL ON SCHEMA public FROM PUBLIC;--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO ambit_runtime, ambit_lookup;--> statement-breakpoint
CREATE SCHEMA ambit;--> statement-breakpoint
GRANT USAGE ON SCHEMA ambit TO ambit_runtime, ambit_lookup;--> statement-breakpoint

-- The organization and the user that the transaction is bound to. Null if there is none, and null matches no row.
CREATE FUNCTION ambit.organization_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('ambit.organization_id', true), '')::uuid;--> statement-breakpoint
CREATE FUNCTION ambit.user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('ambit.user_id', true), '')::uuid;--> statement-breakpoint

-- Turns a table into a tenant table: only rows of the bound organization can be read or written, also by the owner.
-- The setting is read in a scalar subselect, which runs once per statement instead of once per row.
CREATE PROCEDURE ambit.protect(name text) LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant ON public.%I TO ambit_runtime
    USING (organization_id = (SELECT ambit.organization_id()))
    WITH CHECK (organization_id = (SELECT ambit.organization_id()))', name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO ambit_runtime', name);
END $$;--> statement-breakpoint
REVOKE EXECUTE ON PROCEDURE ambit.protect(text) FROM PUBLIC;--> statement-breakpoint

CALL ambit.protect('principals');--> statement-breakpoint
CALL ambit.protect('projects');--> statement-breakpoint
CALL ambit.protect('policies');--> statement-breakpoint
CALL ambit.protect('roles');--> statement-breakpoint
CALL ambit.protect('role_policies');--> statement-breakpoint
CALL ambit.protect('assignments');--> statement-breakpoint
CALL ambit.protect('invitations');--> statement-breakpoint
CALL ambit.protect('api_tokens');--> statement-breakpoint
CALL ambit.protect('rubrics');--> statement-breakpoint
CALL ambit.protect('categories');--> statement-breakpoint
CALL ambit.protect('levels');--> statement-breakpoint
CALL ambit.protect('checks');--> statement-breakpoint
CALL ambit.protect('audit_events');--> statement-breakpoint
-- The audit log can be appended to and read, but not changed.
REVOKE UPDATE, DELETE ON audit_events FROM ambit_runtime;--> statement-breakpoint

-- Tables of the instance. They are protected as well, each with its own policies.
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY tenant ON organizations TO ambit_runtime
  USING (id = (SELECT ambit.organization_id())) WITH CHECK (id = (SELECT ambit.organization_id()));--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE (slug, name, plan, access_version), DELETE ON organizations TO ambit_runtime;--> statement-breakpoint

-- A user is visible to themselves and in each organization that they belong to.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE users FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY self ON users TO ambit_runtime
  USING (id = (SELECT ambit.user_id())) WITH CHECK (id = (SELECT ambit.user_id()));--> statement-breakpoint
CREATE POLICY fellow ON users FOR SELECT TO ambit_runtime
  USING (EXISTS (SELECT FROM principals m WHERE m.organization_id = (SELECT ambit.organization_id()) AND m.user_id = users.id));--> statement-breakpoint
GRANT SELECT (id, email, name, created_at), INSERT, UPDATE (name) ON users TO ambit_runtime;--> statement-breakpoint

-- A session is visible to its user and in the organization that it is bound to. Only its user can create or change it.
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY self ON sessions TO ambit_runtime
  USING (user_id = (SELECT ambit.user_id())) WITH CHECK (user_id = (SELECT ambit.user_id()));--> statement-breakpoint
CREATE POLICY tenant_reads ON sessions FOR SELECT TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
CREATE POLICY tenant_ends ON sessions FOR DELETE TO ambit_runtime
  USING (organization_id = (SELECT ambit.organization_id()));--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO ambit_runtime;--> statement-breakpoint

ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY self ON refresh_tokens TO ambit_runtime
  USING (EXISTS (SELECT FROM sessions s WHERE s.id = session_id AND s.user_id = (SELECT ambit.user_id())))
  WITH CHECK (EXISTS (SELECT FROM sessions s WHERE s.id = session_id AND s.user_id = (SELECT ambit.user_id())));--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON refresh_tokens TO ambit_runtime;--> statement-breakpoint

-- The next two tables contain no data of an organization.
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY instance ON signing_keys TO ambit_runtime USING (true);--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON signing_keys TO ambit_runtime;--> statement-breakpoint
ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE rate_limits FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY instance ON rate_limits TO ambit_runtime USING (true);--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO ambit_runtime;--> statement-breakpoint

-- Lookup functions across organizations. They run as ambit_lookup, which may only read these tables. Each returns only
-- the rows for the secret, address or id that it is called with.
GRANT SELECT ON organizations, users, principals, assignments, roles, sessions, refresh_tokens, api_tokens, invitations TO ambit_lookup;--> statement-breakpoint
CREATE POLICY lookup ON organizations FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON users FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON principals FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON assignments FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON roles FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON invitations FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON sessions FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON refresh_tokens FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
CREATE POLICY lookup ON api_tokens FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint

CREATE FUNCTION ambit.find_user_by_email(address text)
RETURNS TABLE (id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT u.id, u.password_hash FROM public.users u WHERE lower(u.email) = lower(address)
$$;--> statement-breakpoint

CREATE FUNCTION ambit.find_memberships(person uuid)
RETURNS TABLE (organization_id uuid, slug text, name text, principal_id uuid, built_in_role_id uuid, role_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id, o.slug, o.name, p.id, a.built_in_role_id, r.name
  FROM public.principals p JOIN public.organizations o ON o.id = p.organization_id
  JOIN public.assignments a ON a.organization_id = p.organization_id AND a.principal_id = p.id AND a.project_id IS NULL
  LEFT JOIN public.roles r ON r.organization_id = a.organization_id AND r.id = a.role_id
  WHERE p.user_id = person ORDER BY p.id
$$;--> statement-breakpoint

CREATE FUNCTION ambit.find_refresh_token(secret_hash text)
RETURNS TABLE (session_id uuid, user_id uuid, organization_id uuid, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.id, s.user_id, s.organization_id, s.expires_at
  FROM public.refresh_tokens r JOIN public.sessions s ON s.id = r.session_id WHERE r.hash = secret_hash
$$;--> statement-breakpoint

-- The user or service account and the organization of a credential. Returns no row if one of them was deleted. Grants
-- are cached by access_version.
CREATE FUNCTION ambit.find_session(session uuid)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  organization_id uuid, slug text, organization_name text, plan text, access_version bigint, principal_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.id, 'WRITE', s.expires_at, u.id, u.email, u.name, o.id, o.slug, o.name, o.plan, o.access_version, p.id
  FROM public.sessions s JOIN public.users u ON u.id = s.user_id
  LEFT JOIN public.principals p ON p.organization_id = s.organization_id AND p.user_id = s.user_id
  LEFT JOIN public.organizations o ON o.id = p.organization_id
  WHERE s.id = session
$$;--> statement-breakpoint

CREATE FUNCTION ambit.find_api_token(secret_hash text)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  organization_id uuid, slug text, organization_name text, plan text, access_version bigint, principal_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.id, t.access, t.expires_at, u.id, u.email, coalesce(u.name, p.name), o.id, o.slug, o.name, o.plan, o.access_version, p.id
  FROM public.api_tokens t
  JOIN public.principals p ON p.organization_id = t.organization_id AND p.id = t.principal_id
  JOIN public.organizations o ON o.id = p.organization_id
  LEFT JOIN public.users u ON u.id = p.user_id
  WHERE t.hash = secret_hash
$$;--> statement-breakpoint

CREATE FUNCTION ambit.find_invitation(secret_hash text)
RETURNS TABLE (organization_id uuid, organization_name text, id uuid, email text, expires_at timestamptz,
  role_id uuid, role_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id, o.name, i.id, i.email, i.expires_at, i.role_id, r.name
  FROM public.invitations i JOIN public.organizations o ON o.id = i.organization_id
  LEFT JOIN public.roles r ON r.organization_id = i.organization_id AND r.id = i.role_id
  WHERE i.hash = secret_hash
$$;--> statement-breakpoint

DO $$ DECLARE f regprocedure; BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'ambit'::regnamespace AND prosecdef LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ambit_runtime', f);
    EXECUTE format('ALTER FUNCTION %s OWNER TO ambit_lookup', f);
  END LOOP;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;--> statement-breakpoint

-- Constraints that drizzle-kit does not support.
ALTER TABLE levels DROP CONSTRAINT levels_index;--> statement-breakpoint
ALTER TABLE levels ADD CONSTRAINT levels_index UNIQUE (organization_id, index) DEFERRABLE INITIALLY IMMEDIATE;--> statement-breakpoint
ALTER TABLE checks DROP CONSTRAINT checks_owner;--> statement-breakpoint
ALTER TABLE checks ADD CONSTRAINT checks_owner FOREIGN KEY (organization_id, owner_id)
  REFERENCES principals (organization_id, id) ON DELETE SET NULL (owner_id);--> statement-breakpoint
ALTER TABLE principals ADD CONSTRAINT principals_kind CHECK ((user_id IS NULL) <> (name IS NULL));--> statement-breakpoint
CREATE UNIQUE INDEX principals_name ON principals (organization_id, lower(name)) WHERE name IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX policies_name ON policies (organization_id, project_id, lower(name)) NULLS NOT DISTINCT;--> statement-breakpoint
CREATE UNIQUE INDEX roles_name ON roles (organization_id, project_id, lower(name)) NULLS NOT DISTINCT;--> statement-breakpoint
ALTER TABLE assignments ADD CONSTRAINT assignments_one_role CHECK (num_nonnulls(built_in_role_id, role_id) <= 1);--> statement-breakpoint
ALTER TABLE assignments ADD CONSTRAINT assignments_some_role
  CHECK (project_id IS NOT NULL OR num_nonnulls(built_in_role_id, role_id) = 1);--> statement-breakpoint
-- An organization role that expires has a fallback role. One that does not expire has none.
ALTER TABLE assignments ADD CONSTRAINT assignments_fallback
  CHECK (num_nonnulls(fallback_built_in_role_id, fallback_role_id) = CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END);--> statement-breakpoint
ALTER TABLE organizations ADD CONSTRAINT organizations_plan CHECK (plan IN ('FREE', 'TEAM', 'ENTERPRISE'));--> statement-breakpoint
ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_access CHECK (access IN ('READ', 'WRITE'));--> statement-breakpoint

-- Every change that affects access increments the access version of the organization, whichever role makes it.
CREATE FUNCTION ambit.access_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE public.organizations SET access_version = access_version + 1
  WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.organization_id ELSE NEW.organization_id END;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION ambit.plan_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.access_version = OLD.access_version + 1;
  RETURN NEW;
END $$;--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON principals
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON projects
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON policies
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON roles
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON role_policies
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER access_changed AFTER INSERT OR UPDATE OR DELETE ON assignments
  FOR EACH ROW EXECUTE FUNCTION ambit.access_changed();--> statement-breakpoint
CREATE TRIGGER plan_changed BEFORE UPDATE OF plan ON organizations
  FOR EACH ROW EXECUTE FUNCTION ambit.plan_changed();
