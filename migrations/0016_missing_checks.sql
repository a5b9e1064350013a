CREATE TABLE "service_missing_checks" (
	"organization_id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"check_ids" uuid[] NOT NULL,
	CONSTRAINT "service_missing_checks_organization_id_service_id_pk" PRIMARY KEY("organization_id","service_id")
);
--> statement-breakpoint
CALL ambit.protect('service_missing_checks');
--> statement-breakpoint
ALTER TABLE "service_missing_checks" ADD CONSTRAINT "service_missing_checks_service" FOREIGN KEY ("organization_id","service_id") REFERENCES "public"."services"("organization_id","id") ON DELETE cascade ON UPDATE no action;