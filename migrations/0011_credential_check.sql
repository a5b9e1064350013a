-- The lookups also return `version`: everything that a credential stands for, as one value. A request with a cached actor
-- compares only this value. It is made of the columns themselves, so it changes with each of them, however they are
-- changed, and two different states never have the same value. The columns of `principals` are left out, because every
-- change of that table increments `access_version`.
DROP FUNCTION ambit.find_session(uuid);--> statement-breakpoint
DROP FUNCTION ambit.find_api_token(text);--> statement-breakpoint

CREATE FUNCTION ambit.find_session(session uuid)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT s.id, 'WRITE', s.expires_at, u.id, u.email, u.name, u.created_at, o.id, o.slug, o.name, o.plan,
    o.access_version, p.id,
    ROW(s.expires_at, u.email, u.name, u.created_at, o.slug, o.name, o.plan, o.access_version)::text
  FROM public.sessions s JOIN public.users u ON u.id = s.user_id
  LEFT JOIN public.principals p ON p.organization_id = s.organization_id AND p.user_id = s.user_id
  LEFT JOIN public.organizations o ON o.id = p.organization_id
  WHERE s.id = session;
END $$;--> statement-breakpoint

CREATE FUNCTION ambit.find_api_token(secret_hash text)
RETURNS TABLE (credential_id uuid, access text, expires_at timestamptz, user_id uuid, email text, name text,
  user_created_at timestamptz, organization_id uuid, slug text, organization_name text, plan text,
  access_version bigint, principal_id uuid, version text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN RETURN QUERY
  SELECT t.id, t.access, t.expires_at, u.id, u.email, coalesce(u.name, p.name), u.created_at, o.id, o.slug, o.name,
    o.plan, o.access_version, p.id,
    ROW(t.id, t.principal_id, t.access, t.expires_at, u.email, u.name, u.created_at, o.slug, o.name, o.plan,
      o.access_version)::text
  FROM public.api_tokens t
  JOIN public.principals p ON p.organization_id = t.organization_id AND p.id = t.principal_id
  JOIN public.organizations o ON o.id = p.organization_id
  LEFT JOIN public.users u ON u.id = p.user_id
  WHERE t.hash = secret_hash;
END $$;--> statement-breakpoint

-- Whether a credential still has the version that its lookup returned. The organization and the user are those of the
-- lookup too, so each row is found by its key, and each table is read in one organization.
CREATE FUNCTION ambit.is_session_unchanged(session uuid, organization uuid, person uuid, version text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE current_version text;
BEGIN
  SELECT ROW(s.expires_at, u.email, u.name, u.created_at, o.slug, o.name, o.plan, o.access_version)::text
  INTO current_version
  FROM public.sessions s JOIN public.users u ON u.id = person LEFT JOIN public.organizations o ON o.id = organization
  WHERE s.id = session AND s.user_id = person AND s.organization_id IS NOT DISTINCT FROM organization;
  RETURN coalesce(current_version = version, false);
END $$;--> statement-breakpoint

CREATE FUNCTION ambit.is_api_token_unchanged(secret_hash text, organization uuid, person uuid, version text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE current_version text;
BEGIN
  SELECT ROW(t.id, t.principal_id, t.access, t.expires_at, u.email, u.name, u.created_at, o.slug, o.name, o.plan,
    o.access_version)::text
  INTO current_version
  FROM public.api_tokens t JOIN public.organizations o ON o.id = organization LEFT JOIN public.users u ON u.id = person
  WHERE t.organization_id = organization AND t.hash = secret_hash;
  RETURN coalesce(current_version = version, false);
END $$;--> statement-breakpoint

-- A mutation sends its change together with the check. The error aborts the transaction, so that nothing is committed.
CREATE FUNCTION ambit.require_unchanged(is_unchanged boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN
  IF is_unchanged THEN RETURN true; END IF;
  RAISE EXCEPTION 'the credential has changed' USING ERRCODE = 'AM001';
END $$;--> statement-breakpoint

DO $$ DECLARE f regprocedure; BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  FOREACH f IN ARRAY ARRAY['ambit.find_session(uuid)', 'ambit.find_api_token(text)',
    'ambit.is_session_unchanged(uuid,uuid,uuid,text)', 'ambit.is_api_token_unchanged(text,uuid,uuid,text)']::regprocedure[] LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ambit_runtime', f);
    EXECUTE format('ALTER FUNCTION %s OWNER TO ambit_lookup', f);
  END LOOP;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
