CREATE TABLE "datasets" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"project_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "datasets_organization_id_id_pk" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
CREATE TABLE "lifecycles" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"alias" text,
	"description" text,
	"index" integer NOT NULL,
	CONSTRAINT "lifecycles_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "lifecycles_index" UNIQUE("organization_id","index")
);
--> statement-breakpoint
CREATE TABLE "tiers" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"alias" text,
	"description" text,
	"index" integer NOT NULL,
	CONSTRAINT "tiers_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "tiers_index" UNIQUE("organization_id","index")
);
--> statement-breakpoint
ALTER TABLE "categories" ADD COLUMN "alias" text;--> statement-breakpoint
ALTER TABLE "checks" ADD COLUMN "alias" text;--> statement-breakpoint
ALTER TABLE "levels" ADD COLUMN "alias" text;--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_project" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "lifecycles" ADD CONSTRAINT "lifecycles_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tiers" ADD CONSTRAINT "tiers_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "datasets_name" ON "datasets" USING btree ("organization_id","project_id",lower("name"));--> statement-breakpoint
CREATE INDEX "datasets_by_name" ON "datasets" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "datasets_by_project" ON "datasets" USING btree ("organization_id","project_id","name","id");--> statement-breakpoint
CREATE UNIQUE INDEX "lifecycles_name" ON "lifecycles" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX "lifecycles_alias" ON "lifecycles" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE UNIQUE INDEX "tiers_name" ON "tiers" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX "tiers_alias" ON "tiers" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE UNIQUE INDEX "categories_alias" ON "categories" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "categories_by_name" ON "categories" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE UNIQUE INDEX "checks_alias" ON "checks" USING btree ("organization_id","alias");--> statement-breakpoint
CREATE INDEX "checks_by_update" ON "checks" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "levels_alias" ON "levels" USING btree ("organization_id","alias");--> statement-breakpoint
CALL ambit.protect('datasets');--> statement-breakpoint
CALL ambit.protect('lifecycles');--> statement-breakpoint
CALL ambit.protect('tiers');
