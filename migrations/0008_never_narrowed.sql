ALTER TABLE "assignments" ADD COLUMN "inactive" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "assignments" ADD COLUMN "of_creator" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- Project roles of Owners and Admins stay without effect after a demotion. The owner of the tables may not be a superuser.
ALTER TABLE "organizations" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "assignments" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE "assignments" a SET "inactive" = true FROM "assignments" o
WHERE a."project_id" IS NOT NULL AND o."project_id" IS NULL
  AND o."organization_id" = a."organization_id" AND o."principal_id" = a."principal_id"
  AND CASE WHEN o."expires_at" <= now() THEN o."fallback_built_in_role_id" ELSE o."built_in_role_id" END
    IN ('00000000-0000-8000-8000-000000000004', '00000000-0000-8000-8000-000000000005');--> statement-breakpoint
ALTER TABLE "assignments" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "organizations" FORCE ROW LEVEL SECURITY;
