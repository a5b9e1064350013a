CREATE POLICY lookup ON integration_events FOR SELECT TO ambit_lookup USING (status = 'QUEUED');--> statement-breakpoint
GRANT SELECT ON integration_events TO ambit_lookup;--> statement-breakpoint
-- Those of the given organizations that have events to process. For the job that adds their jobs again.
CREATE FUNCTION ambit.list_organizations_with_queued_events(organizations uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN RETURN QUERY
  SELECT DISTINCT e.organization_id FROM public.integration_events e
  WHERE e.organization_id = ANY (organizations) AND e.status = 'QUEUED';
END $$;--> statement-breakpoint
DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.list_organizations_with_queued_events(uuid[]) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.list_organizations_with_queued_events(uuid[]) TO ambit_runtime;
  ALTER FUNCTION ambit.list_organizations_with_queued_events(uuid[]) OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
