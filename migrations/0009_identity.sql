CREATE TABLE "setup_secrets" (
	"hash" text PRIMARY KEY NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "refresh_tokens" ADD COLUMN "issued_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "may_create_organizations" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "rate_limits_by_expiry" ON "rate_limits" USING btree ("expire");--> statement-breakpoint
-- Secrets for the first account. They contain no data of an organization.
ALTER TABLE setup_secrets ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE setup_secrets FORCE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY instance ON setup_secrets TO ambit_runtime USING (true);--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON setup_secrets TO ambit_runtime;--> statement-breakpoint

GRANT SELECT (may_create_organizations), UPDATE (may_create_organizations) ON users TO ambit_runtime;--> statement-breakpoint
-- The old refresh tokens of a session are deleted when it is refreshed.
GRANT DELETE ON refresh_tokens TO ambit_runtime;--> statement-breakpoint

CREATE FUNCTION ambit.has_users() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM public.users)
$$;--> statement-breakpoint

DO $$ BEGIN
  GRANT CREATE ON SCHEMA ambit TO ambit_lookup;
  REVOKE EXECUTE ON FUNCTION ambit.has_users() FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION ambit.has_users() TO ambit_runtime;
  ALTER FUNCTION ambit.has_users() OWNER TO ambit_lookup;
  REVOKE CREATE ON SCHEMA ambit FROM ambit_lookup;
END $$;
