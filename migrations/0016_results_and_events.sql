CREATE TABLE "service_missing_checks" (
	"organization_id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"check_ids" uuid[] NOT NULL,
	CONSTRAINT "service_missing_checks_organization_id_service_id_pk" PRIMARY KEY("organization_id","service_id")
);
--> statement-breakpoint
CALL ambit.protect('service_missing_checks');
--> statement-breakpoint
ALTER TABLE "campaign_history" ADD COLUMN "total" jsonb;--> statement-breakpoint
-- The sum of the numbers of the teams. The owner of the tables may not be a superuser.
ALTER TABLE "campaign_history" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE "campaign_history" SET "total" = (
  SELECT jsonb_build_object(
    'services', coalesce(sum((t.numbers ->> 'services')::int), 0),
    'passingServices', coalesce(sum((t.numbers ->> 'passingServices')::int), 0),
    'results', coalesce(sum((t.numbers ->> 'results')::int), 0),
    'passingResults', coalesce(sum((t.numbers ->> 'passingResults')::int), 0))
  FROM jsonb_each("teams") AS t(team, numbers));--> statement-breakpoint
ALTER TABLE "campaign_history" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "campaign_history" ALTER COLUMN "total" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "levels" DROP CONSTRAINT "levels_index";--> statement-breakpoint
ALTER TABLE "lifecycles" DROP CONSTRAINT "lifecycles_index";--> statement-breakpoint
ALTER TABLE "tiers" DROP CONSTRAINT "tiers_index";--> statement-breakpoint
ALTER TABLE "check_results" DROP CONSTRAINT "check_results_service";
--> statement-breakpoint
DROP INDEX "check_results_by_check";--> statement-breakpoint
ALTER TABLE "service_missing_checks" ADD CONSTRAINT "service_missing_checks_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "levels_index" ON "levels" USING btree ("organization_id","index") WHERE "levels"."index" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "lifecycles_index" ON "lifecycles" USING btree ("organization_id","index") WHERE "lifecycles"."index" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "tiers_index" ON "tiers" USING btree ("organization_id","index") WHERE "tiers"."index" is not null;--> statement-breakpoint
CREATE INDEX "check_results_by_check" ON "check_results" USING btree ("organization_id","check_id","replaced_at");--> statement-breakpoint
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
