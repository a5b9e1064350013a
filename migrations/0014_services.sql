CREATE TABLE "check_results" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"check_id" uuid NOT NULL,
	"status" text NOT NULL,
	"message" text,
	"reported_by_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"replaced_at" timestamp with time zone,
	CONSTRAINT "check_results_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('check_results');
--> statement-breakpoint
CREATE TABLE "filter_predicates" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"filter_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"key" text NOT NULL,
	"key_data" text,
	"operator" text NOT NULL,
	"value" text,
	"case_sensitive" boolean DEFAULT false NOT NULL,
	"team_id" uuid,
	"tier_id" uuid,
	"lifecycle_id" uuid,
	"definition_id" uuid,
	"nested_id" uuid,
	CONSTRAINT "filter_predicates_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "filter_predicates_position" UNIQUE("organization_id","filter_id","position")
);
--> statement-breakpoint
CALL ambit.protect('filter_predicates');
--> statement-breakpoint
CREATE TABLE "filters" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"connective" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "filters_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('filters');
--> statement-breakpoint
CREATE TABLE "property_definitions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"alias" text,
	"description" text,
	"schema" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "property_definitions_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('property_definitions');
--> statement-breakpoint
CREATE TABLE "maturity_history" (
	"organization_id" uuid NOT NULL,
	"day" text NOT NULL,
	"category_id" uuid NOT NULL,
	"services" jsonb NOT NULL,
	CONSTRAINT "maturity_history_organization_id_day_category_id_pk" PRIMARY KEY("organization_id","day","category_id")
);
--> statement-breakpoint
CALL ambit.protect('maturity_history');
--> statement-breakpoint
CREATE TABLE "service_aliases" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"alias" text NOT NULL,
	CONSTRAINT "service_aliases_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('service_aliases');
--> statement-breakpoint
CREATE TABLE "service_dependencies" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"depends_on_id" uuid NOT NULL,
	CONSTRAINT "service_dependencies_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_dependencies_one" UNIQUE("organization_id","service_id","depends_on_id")
);
--> statement-breakpoint
CALL ambit.protect('service_dependencies');
--> statement-breakpoint
CREATE TABLE "service_levels" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"category_id" uuid NOT NULL,
	"level_id" uuid NOT NULL,
	CONSTRAINT "service_levels_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_levels_one" UNIQUE("organization_id","service_id","category_id")
);
--> statement-breakpoint
CALL ambit.protect('service_levels');
--> statement-breakpoint
CREATE TABLE "service_links" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"category" text,
	CONSTRAINT "service_links_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_links_one" UNIQUE("organization_id","service_id","name","url")
);
--> statement-breakpoint
CALL ambit.protect('service_links');
--> statement-breakpoint
CREATE TABLE "service_properties" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"definition_id" uuid NOT NULL,
	"value" jsonb NOT NULL,
	CONSTRAINT "service_properties_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_properties_one" UNIQUE("organization_id","service_id","definition_id")
);
--> statement-breakpoint
CALL ambit.protect('service_properties');
--> statement-breakpoint
CREATE TABLE "service_tags" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "service_tags_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "service_tags_one" UNIQUE("organization_id","service_id","key","value")
);
--> statement-breakpoint
CALL ambit.protect('service_tags');
--> statement-breakpoint
CREATE TABLE "services" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"owner_id" uuid,
	"tier_id" uuid,
	"lifecycle_id" uuid,
	"language" text,
	"framework" text,
	"last_deploy_at" timestamp with time zone,
	"last_deploy_version" text,
	"last_deploy_description" text,
	"level_id" uuid,
	"next_evaluation_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "services_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('services');
--> statement-breakpoint
CREATE TABLE "team_aliases" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"team_id" uuid NOT NULL,
	"alias" text NOT NULL,
	CONSTRAINT "team_aliases_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('team_aliases');
--> statement-breakpoint
CREATE TABLE "team_contacts" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"team_id" uuid NOT NULL,
	"type" text NOT NULL,
	"address" text NOT NULL,
	"preferred" boolean DEFAULT false NOT NULL,
	CONSTRAINT "team_contacts_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "team_contacts_one" UNIQUE("organization_id","team_id","type","address")
);
--> statement-breakpoint
CALL ambit.protect('team_contacts');
--> statement-breakpoint
CREATE TABLE "team_members" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"team_id" uuid NOT NULL,
	"principal_id" uuid NOT NULL,
	"label" text,
	CONSTRAINT "team_members_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "team_members_one" UNIQUE("organization_id","team_id","principal_id")
);
--> statement-breakpoint
CALL ambit.protect('team_members');
--> statement-breakpoint
CREATE TABLE "team_tags" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"team_id" uuid NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "team_tags_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "team_tags_one" UNIQUE("organization_id","team_id","key","value")
);
--> statement-breakpoint
CALL ambit.protect('team_tags');
--> statement-breakpoint
CREATE TABLE "teams" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"parent_id" uuid,
	"manager_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	CONSTRAINT "teams_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CALL ambit.protect('teams');
--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "settings" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "definition_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "filter_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "team_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "pass_pending" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "check_results" ADD CONSTRAINT "check_results_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_filter" FOREIGN KEY ("organization_id","filter_id") REFERENCES "public"."filters"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_nested" FOREIGN KEY ("organization_id","nested_id") REFERENCES "public"."filters"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_tier" FOREIGN KEY ("organization_id","tier_id") REFERENCES "public"."tiers"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_lifecycle" FOREIGN KEY ("organization_id","lifecycle_id") REFERENCES "public"."lifecycles"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filter_predicates" ADD CONSTRAINT "filter_predicates_definition" FOREIGN KEY ("organization_id","definition_id") REFERENCES "public"."property_definitions"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "filters" ADD CONSTRAINT "filters_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "property_definitions" ADD CONSTRAINT "property_definitions_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "maturity_history" ADD CONSTRAINT "maturity_history_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_aliases" ADD CONSTRAINT "service_aliases_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_aliases" ADD CONSTRAINT "service_aliases_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_dependencies" ADD CONSTRAINT "service_dependencies_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_dependencies" ADD CONSTRAINT "service_dependencies_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_dependencies" ADD CONSTRAINT "service_dependencies_depends_on" FOREIGN KEY ("organization_id","depends_on_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_levels" ADD CONSTRAINT "service_levels_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_levels" ADD CONSTRAINT "service_levels_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_levels" ADD CONSTRAINT "service_levels_category" FOREIGN KEY ("organization_id","category_id") REFERENCES "public"."categories"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_levels" ADD CONSTRAINT "service_levels_level" FOREIGN KEY ("organization_id","level_id") REFERENCES "public"."levels"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_links" ADD CONSTRAINT "service_links_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_links" ADD CONSTRAINT "service_links_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_properties" ADD CONSTRAINT "service_properties_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_properties" ADD CONSTRAINT "service_properties_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_properties" ADD CONSTRAINT "service_properties_definition" FOREIGN KEY ("organization_id","definition_id") REFERENCES "public"."property_definitions"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_tags" ADD CONSTRAINT "service_tags_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_tags" ADD CONSTRAINT "service_tags_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_owner" FOREIGN KEY ("organization_id","owner_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_tier" FOREIGN KEY ("organization_id","tier_id") REFERENCES "public"."tiers"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_lifecycle" FOREIGN KEY ("organization_id","lifecycle_id") REFERENCES "public"."lifecycles"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_level" FOREIGN KEY ("organization_id","level_id") REFERENCES "public"."levels"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_aliases" ADD CONSTRAINT "team_aliases_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_aliases" ADD CONSTRAINT "team_aliases_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_contacts" ADD CONSTRAINT "team_contacts_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_contacts" ADD CONSTRAINT "team_contacts_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_principal" FOREIGN KEY ("organization_id","principal_id") REFERENCES "public"."principals"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_tags" ADD CONSTRAINT "team_tags_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_tags" ADD CONSTRAINT "team_tags_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "teams" ADD CONSTRAINT "teams_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "teams" ADD CONSTRAINT "teams_parent" FOREIGN KEY ("organization_id","parent_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "teams" ADD CONSTRAINT "teams_manager" FOREIGN KEY ("organization_id","manager_id") REFERENCES "public"."principals"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "check_results_latest" ON "check_results" USING btree ("organization_id","service_id","check_id") WHERE "check_results"."replaced_at" is null;--> statement-breakpoint
CREATE INDEX "check_results_by_check" ON "check_results" USING btree ("organization_id","check_id","replaced_at","status");--> statement-breakpoint
CREATE INDEX "check_results_reported" ON "check_results" USING btree ("organization_id","service_id","check_id","created_at","id") WHERE "check_results"."reported_by_id" is not null;--> statement-breakpoint
CREATE INDEX "check_results_by_service" ON "check_results" USING btree ("organization_id","service_id","created_at","id");--> statement-breakpoint
CREATE INDEX "check_results_replaced" ON "check_results" USING btree ("organization_id","replaced_at") WHERE "check_results"."replaced_at" is not null;--> statement-breakpoint
CREATE INDEX "filter_predicates_by_team" ON "filter_predicates" USING btree ("organization_id","team_id");--> statement-breakpoint
CREATE INDEX "filter_predicates_by_tier" ON "filter_predicates" USING btree ("organization_id","tier_id");--> statement-breakpoint
CREATE INDEX "filter_predicates_by_lifecycle" ON "filter_predicates" USING btree ("organization_id","lifecycle_id");--> statement-breakpoint
CREATE INDEX "filter_predicates_by_definition" ON "filter_predicates" USING btree ("organization_id","definition_id");--> statement-breakpoint
CREATE INDEX "filter_predicates_by_nested" ON "filter_predicates" USING btree ("organization_id","nested_id");--> statement-breakpoint
CREATE UNIQUE INDEX "filters_name" ON "filters" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "filters_by_name" ON "filters" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "filters_by_update" ON "filters" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "property_definitions_name" ON "property_definitions" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX "property_definitions_alias" ON "property_definitions" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "property_definitions_by_name" ON "property_definitions" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE UNIQUE INDEX "service_aliases_alias" ON "service_aliases" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "service_aliases_by_service" ON "service_aliases" USING btree ("organization_id","service_id","alias");--> statement-breakpoint
CREATE INDEX "service_dependencies_by_target" ON "service_dependencies" USING btree ("organization_id","depends_on_id");--> statement-breakpoint
CREATE INDEX "service_levels_by_category" ON "service_levels" USING btree ("organization_id","category_id","level_id");--> statement-breakpoint
CREATE INDEX "service_levels_by_level" ON "service_levels" USING btree ("organization_id","level_id");--> statement-breakpoint
CREATE INDEX "service_properties_by_definition" ON "service_properties" USING btree ("organization_id","definition_id");--> statement-breakpoint
CREATE INDEX "service_tags_by_key" ON "service_tags" USING btree ("organization_id","key","value","service_id");--> statement-breakpoint
CREATE UNIQUE INDEX "services_name" ON "services" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "services_by_name" ON "services" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "services_by_update" ON "services" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "services_by_owner" ON "services" USING btree ("organization_id","owner_id");--> statement-breakpoint
CREATE INDEX "services_by_tier" ON "services" USING btree ("organization_id","tier_id");--> statement-breakpoint
CREATE INDEX "services_by_lifecycle" ON "services" USING btree ("organization_id","lifecycle_id");--> statement-breakpoint
CREATE INDEX "services_by_level" ON "services" USING btree ("organization_id","level_id");--> statement-breakpoint
CREATE INDEX "services_by_next_evaluation" ON "services" USING btree ("organization_id","next_evaluation_at");--> statement-breakpoint
CREATE UNIQUE INDEX "team_aliases_alias" ON "team_aliases" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "team_aliases_by_team" ON "team_aliases" USING btree ("organization_id","team_id","alias");--> statement-breakpoint
CREATE INDEX "team_members_by_principal" ON "team_members" USING btree ("organization_id","principal_id");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_name" ON "teams" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "teams_by_name" ON "teams" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "teams_by_update" ON "teams" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "teams_by_parent" ON "teams" USING btree ("organization_id","parent_id");--> statement-breakpoint
CREATE INDEX "teams_by_manager" ON "teams" USING btree ("organization_id","manager_id");--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_filter" FOREIGN KEY ("organization_id","filter_id") REFERENCES "public"."filters"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_team" FOREIGN KEY ("organization_id","team_id") REFERENCES "public"."teams"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_definition" FOREIGN KEY ("organization_id","definition_id") REFERENCES "public"."property_definitions"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "checks_by_filter" ON "checks" USING btree ("organization_id","filter_id");--> statement-breakpoint
CREATE INDEX "checks_by_team" ON "checks" USING btree ("organization_id","team_id");--> statement-breakpoint
CREATE INDEX "checks_by_definition" ON "checks" USING btree ("organization_id","definition_id");--> statement-breakpoint

-- Membership of teams, the tree of teams and the owners of services decide whom statements with `ownedByPrincipal` concern.
CALL ambit.count_access_changes('team_members');--> statement-breakpoint
-- Other changes of a team or a service, such as its name or its level, leave the access as it is. Such a change must not
-- lock the organization, because a change of access locks the organization first and the team or service afterwards.
CREATE FUNCTION ambit.parent_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.organizations SET access_version = access_version + 1
    WHERE id = coalesce(NEW.organization_id, OLD.organization_id);
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER access_changed_by_parent AFTER INSERT ON teams
  FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION ambit.parent_changed();--> statement-breakpoint
CREATE TRIGGER access_changed_by_no_parent AFTER DELETE ON teams
  FOR EACH ROW WHEN (OLD.parent_id IS NOT NULL) EXECUTE FUNCTION ambit.parent_changed();--> statement-breakpoint
CREATE TRIGGER access_changed_by_other_parent AFTER UPDATE ON teams
  FOR EACH ROW WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id) EXECUTE FUNCTION ambit.parent_changed();--> statement-breakpoint
CREATE FUNCTION ambit.owners_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE organization uuid;
BEGIN
  FOR organization IN SELECT DISTINCT n.organization_id FROM changed n
    JOIN unchanged o ON o.organization_id = n.organization_id AND o.id = n.id
    WHERE n.owner_id IS DISTINCT FROM o.owner_id LOOP
    UPDATE public.organizations SET access_version = access_version + 1 WHERE id = organization;
  END LOOP;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER access_changed_by_owner AFTER UPDATE ON services REFERENCING OLD TABLE AS unchanged NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION ambit.owners_changed();
