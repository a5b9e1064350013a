-- The runtime role creates a member only for the person that the transaction is bound to. With the user of another
-- member, it would also show their name and address in this organization.
CREATE POLICY joins ON principals AS RESTRICTIVE FOR INSERT TO ambit_runtime
  WITH CHECK (user_id IS NULL OR user_id = (SELECT ambit.user_id()));--> statement-breakpoint
CREATE FUNCTION ambit.refuse_other_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'user_id must not change' USING ERRCODE = 'check_violation';
END $$;--> statement-breakpoint
CREATE TRIGGER user_stays BEFORE UPDATE ON principals
  FOR EACH ROW WHEN (NEW.user_id IS DISTINCT FROM OLD.user_id) EXECUTE FUNCTION ambit.refuse_other_user();--> statement-breakpoint
-- Grants are cached under this version. The triggers that increment it run as the role that makes the change, so the role
-- needs the right to update the column.
CREATE FUNCTION ambit.refuse_older_access() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'access_version must not decrease' USING ERRCODE = 'check_violation';
END $$;--> statement-breakpoint
CREATE TRIGGER access_version_grows BEFORE UPDATE ON organizations
  FOR EACH ROW WHEN (NEW.access_version < OLD.access_version) EXECUTE FUNCTION ambit.refuse_older_access();
