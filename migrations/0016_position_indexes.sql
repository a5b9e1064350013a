ALTER TABLE "levels" DROP CONSTRAINT "levels_index";--> statement-breakpoint
ALTER TABLE "lifecycles" DROP CONSTRAINT "lifecycles_index";--> statement-breakpoint
ALTER TABLE "tiers" DROP CONSTRAINT "tiers_index";--> statement-breakpoint
CREATE UNIQUE INDEX "levels_index" ON "levels" USING btree ("organization_id","index") WHERE "levels"."index" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "lifecycles_index" ON "lifecycles" USING btree ("organization_id","index") WHERE "lifecycles"."index" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "tiers_index" ON "tiers" USING btree ("organization_id","index") WHERE "tiers"."index" is not null;