CREATE TABLE "audit_event_targets" (
	"organization_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"target_id" text NOT NULL,
	"project_id" uuid,
	CONSTRAINT "audit_event_targets_organization_id_event_id_target_id_pk" PRIMARY KEY("organization_id","event_id","target_id")
);
--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "dry_run" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "actor_kind" text;--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "principal_id" uuid;--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "actor_name" text;--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "project_ids" uuid[];--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "related" jsonb;--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "input" jsonb;--> statement-breakpoint
CREATE INDEX "audit_event_targets_by_target" ON "audit_event_targets" USING btree ("organization_id","target_id","event_id");--> statement-breakpoint
CREATE INDEX "audit_events_by_principal" ON "audit_events" USING btree ("organization_id","principal_id","id");--> statement-breakpoint
CREATE INDEX "audit_events_by_credential" ON "audit_events" USING btree ("organization_id","credential_id","id");--> statement-breakpoint
CREATE INDEX "audit_events_by_action" ON "audit_events" USING btree ("organization_id","action","id");--> statement-breakpoint
CREATE INDEX "audit_events_by_permission" ON "audit_events" USING btree ("organization_id","permission","id");--> statement-breakpoint
CREATE INDEX "audit_events_by_request" ON "audit_events" USING btree ("organization_id","request_id");--> statement-breakpoint
CREATE INDEX "audit_events_not_allowed" ON "audit_events" USING btree ("organization_id","outcome","id") WHERE outcome <> 'ALLOWED';--> statement-breakpoint
CALL ambit.protect('audit_event_targets');
--> statement-breakpoint
-- Rows of the audit log can be added and read, but not changed.
REVOKE UPDATE, DELETE ON audit_event_targets FROM ambit_runtime;
