-- The credential lookups also return the creation time of the user, so that `viewer` needs no further query. They are
-- written in PL/pgSQL, because Postgres before version 18 plans an SQL function again in each call.
DROP FUNCTION ambit.find_session(uuid);--> statement-breakpoint
DROP FUNCTION ambit.find_api_token(text);--> statement-breakpoint

CREATE FUNCTION ambit.find_session(session uuid)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT s.id, 'WRITE', s.expires_at, u.id, u.email, u.name, u.created_at, o.id, o.slug, o.name, o.plan,
    o.access_version, p.id
  FROM public.sessions s JOIN public.users u ON u.id = s.user_id
  LEFT JOIN public.principals p ON p.organization_id = s.organization_id AND p.user_id = s.user_id
  LEFT JOIN public.organizations o ON o.id = p.organization_id
  WHERE s.id = session;
END $$;--> statement-breakpoint

CREATE FUNCTION ambit.find_api_token(secret_hash text)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT t.id, t.access, t.expires_at, u.id, u.email, coalesce(u.name, p.name), u.created_at, o.id, o.slug, o.name,
    o.plan, o.access_version, p.id
  FROM public.api_tokens t
  JOIN public.principals p ON p.organization_id = t.organization_id AND p.id = t.principal_id
  JOIN public.organizations o ON o.id = p.organization_id
  LEFT JOIN public.users u ON u.id = p.user_id
  WHERE t.hash = secret_hash;
END $$;--> statement-breakpoint

DO $$ DECLARE f regprocedure; BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  FOREACH f IN ARRAY ARRAY['ambit.find_session(uuid)'::regprocedure, 'ambit.find_api_token(text)'::regprocedure] LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ambit_runtime', f);
    EXECUTE format('ALTER FUNCTION %s OWNER TO ambit_lookup', f);
  END LOOP;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;--> statement-breakpoint

-- With EXISTS, the planner builds a hash of all members of the organization, even to read a single user.
ALTER POLICY fellow ON users USING ((
  SELECT true FROM principals m
  WHERE m.organization_id = (SELECT ambit.organization_id()) AND m.user_id = users.id LIMIT 1));
