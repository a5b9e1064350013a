ALTER TABLE "check_results" DROP CONSTRAINT "check_results_service";
--> statement-breakpoint
DROP INDEX "check_results_by_check";--> statement-breakpoint
CREATE INDEX "check_results_by_check" ON "check_results" USING btree ("organization_id","check_id","replaced_at");