CREATE TABLE "campaign_history" (
	"organization_id" uuid NOT NULL,
	"campaign_id" uuid NOT NULL,
	"day" text NOT NULL,
	"teams" jsonb NOT NULL,
	CONSTRAINT "campaign_history_organization_id_campaign_id_day_pk" PRIMARY KEY("organization_id","campaign_id","day")
);
--> statement-breakpoint
CALL ambit.protect('campaign_history');
--> statement-breakpoint
CREATE TABLE "campaigns" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"brief" text,
	"team_id" uuid,
	"filter_id" uuid,
	"start_at" timestamp with time zone,
	"target_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"reminded_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "campaigns_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('campaigns');
--> statement-breakpoint
CREATE TABLE "integration_events" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"integration_id" uuid NOT NULL,
	"payload" text,
	"size" integer NOT NULL,
	"idempotency_key" text,
	"fingerprint" text,
	"status" text DEFAULT 'QUEUED' NOT NULL,
	"error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"processed_at" timestamp with time zone,
	CONSTRAINT "integration_events_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('integration_events');
--> statement-breakpoint
CREATE TABLE "integrations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"hash" text NOT NULL,
	"hint" text NOT NULL,
	"last_event_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "integrations_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "integrations_hash" UNIQUE("organization_id","hash")
);
--> statement-breakpoint
CALL ambit.protect('integrations');
--> statement-breakpoint
CREATE TABLE "service_suggestions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"integration_id" uuid NOT NULL,
	"alias" text NOT NULL,
	"events" integer NOT NULL,
	"dismissed_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_event_at" timestamp with time zone NOT NULL,
	CONSTRAINT "service_suggestions_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_suggestions_alias" UNIQUE("organization_id","alias")
);
--> statement-breakpoint
CALL ambit.protect('service_suggestions');
--> statement-breakpoint
CREATE TABLE "scorecards" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"alias" text,
	"description" text,
	"team_id" uuid,
	"filter_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "scorecards_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('scorecards');
--> statement-breakpoint
CREATE TABLE "scorecard_levels" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"scorecard_id" uuid NOT NULL,
	"level_id" uuid NOT NULL,
	CONSTRAINT "scorecard_levels_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "scorecard_levels_one" UNIQUE("organization_id","service_id","scorecard_id")
);
--> statement-breakpoint
CALL ambit.protect('scorecard_levels');
--> statement-breakpoint
DROP INDEX "categories_name";--> statement-breakpoint
ALTER TABLE "categories" ADD COLUMN "scorecard_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "integration_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "campaign_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "source_check_id" uuid;--> statement-breakpoint
ALTER TABLE "campaign_history" ADD CONSTRAINT "campaign_history_campaign" FOREIGN KEY ("organization_id","campaign_id") REFERENCES "public"."campaigns"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_filter" FOREIGN KEY ("organization_id","filter_id") REFERENCES "public"."filters"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "integration_events" ADD CONSTRAINT "integration_events_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "integration_events" ADD CONSTRAINT "integration_events_integration" FOREIGN KEY ("organization_id","integration_id") REFERENCES "public"."integrations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "integrations" ADD CONSTRAINT "integrations_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_suggestions" ADD CONSTRAINT "service_suggestions_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_suggestions" ADD CONSTRAINT "service_suggestions_integration" FOREIGN KEY ("organization_id","integration_id") REFERENCES "public"."integrations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecards" ADD CONSTRAINT "scorecards_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecards" ADD CONSTRAINT "scorecards_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecards" ADD CONSTRAINT "scorecards_filter" FOREIGN KEY ("organization_id","filter_id") REFERENCES "public"."filters"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecard_levels" ADD CONSTRAINT "scorecard_levels_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecard_levels" ADD CONSTRAINT "scorecard_levels_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecard_levels" ADD CONSTRAINT "scorecard_levels_scorecard" FOREIGN KEY ("organization_id","scorecard_id") REFERENCES "public"."scorecards"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scorecard_levels" ADD CONSTRAINT "scorecard_levels_level" FOREIGN KEY ("organization_id","level_id") REFERENCES "public"."levels"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "campaigns_name" ON "campaigns" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "campaigns_by_name" ON "campaigns" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "campaigns_by_start" ON "campaigns" USING btree ("organization_id","start_at","id");--> statement-breakpoint
CREATE INDEX "campaigns_by_target" ON "campaigns" USING btree ("organization_id","target_at","id");--> statement-breakpoint
CREATE INDEX "campaigns_by_update" ON "campaigns" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "campaigns_by_team" ON "campaigns" USING btree ("organization_id","team_id");--> statement-breakpoint
CREATE INDEX "campaigns_by_filter" ON "campaigns" USING btree ("organization_id","filter_id");--> statement-breakpoint
CREATE UNIQUE INDEX "integration_events_key" ON "integration_events" USING btree ("organization_id","integration_id","idempotency_key") WHERE "integration_events"."idempotency_key" is not null;--> statement-breakpoint
CREATE INDEX "integration_events_by_integration" ON "integration_events" USING btree ("organization_id","integration_id","created_at","id");--> statement-breakpoint
CREATE INDEX "integration_events_queued" ON "integration_events" USING btree ("organization_id","id") WHERE status = 'QUEUED';--> statement-breakpoint
CREATE UNIQUE INDEX "integrations_name" ON "integrations" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "integrations_by_name" ON "integrations" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "integrations_by_update" ON "integrations" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "service_suggestions_by_event" ON "service_suggestions" USING btree ("organization_id","last_event_at","id");--> statement-breakpoint
CREATE INDEX "service_suggestions_by_integration" ON "service_suggestions" USING btree ("organization_id","integration_id");--> statement-breakpoint
CREATE UNIQUE INDEX "scorecards_name" ON "scorecards" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX "scorecards_alias" ON "scorecards" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "scorecards_by_name" ON "scorecards" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "scorecards_by_update" ON "scorecards" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "scorecards_by_team" ON "scorecards" USING btree ("organization_id","team_id");--> statement-breakpoint
CREATE INDEX "scorecards_by_filter" ON "scorecards" USING btree ("organization_id","filter_id");--> statement-breakpoint
CREATE INDEX "scorecard_levels_by_scorecard" ON "scorecard_levels" USING btree ("organization_id","scorecard_id","level_id");--> statement-breakpoint
CREATE INDEX "scorecard_levels_by_level" ON "scorecard_levels" USING btree ("organization_id","level_id");--> statement-breakpoint
ALTER TABLE "categories" ADD CONSTRAINT "categories_scorecard" FOREIGN KEY ("organization_id","scorecard_id") REFERENCES "public"."scorecards"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_integration" FOREIGN KEY ("organization_id","integration_id") REFERENCES "public"."integrations"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_campaign" FOREIGN KEY ("organization_id","campaign_id") REFERENCES "public"."campaigns"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_source_check" FOREIGN KEY ("organization_id","source_check_id") REFERENCES "public"."checks"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "categories_by_scorecard" ON "categories" USING btree ("organization_id","scorecard_id");--> statement-breakpoint
CREATE INDEX "checks_by_integration" ON "checks" USING btree ("organization_id","integration_id");--> statement-breakpoint
CREATE INDEX "checks_by_campaign" ON "checks" USING btree ("organization_id","campaign_id");--> statement-breakpoint
CREATE INDEX "checks_by_source" ON "checks" USING btree ("organization_id","source_check_id");--> statement-breakpoint
CREATE UNIQUE INDEX "categories_name" ON "categories" USING btree ("organization_id",coalesce("scorecard_id", "organization_id"),lower("name"));--> statement-breakpoint
-- For the comparison of the directory of secrets with its sources.
CREATE POLICY lookup ON integrations FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
GRANT SELECT ON integrations TO ambit_lookup;--> statement-breakpoint
CREATE POLICY lookup ON services FOR SELECT TO ambit_lookup USING (true);--> statement-breakpoint
GRANT SELECT ON services TO ambit_lookup;--> statement-breakpoint
-- Those of the given organizations that have services to evaluate at the given time. For the job that visits them.
CREATE FUNCTION ambit.list_due_organizations(organizations uuid[], due timestamptz) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN RETURN QUERY
  SELECT DISTINCT s.organization_id FROM public.services s
  WHERE s.organization_id = ANY (organizations) AND s.next_evaluation_at <= due;
END $$;--> statement-breakpoint
DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.list_due_organizations(uuid[],timestamptz) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.list_due_organizations(uuid[],timestamptz) TO ambit_runtime;
  ALTER FUNCTION ambit.list_due_organizations(uuid[],timestamptz) OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
