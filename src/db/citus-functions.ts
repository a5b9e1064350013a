/**
 * The functions of the migrations that need another form in a Citus cluster. They keep their names and their results, so
 * that the application sends the same statements to plain PostgreSQL and to a cluster.
 */
export const CITUS_FUNCTIONS: readonly { head: string; body: string }[] = [
  // Citus sends SET LOCAL to the workers, but not set_config. Each of these statements has a reason:
  // - propagate_set_commands: lets Citus send SET LOCAL. A setting of the database would be missing in its dumps.
  // - multi_shard_modify_mode: after parallel statements on several shards, Citus refuses to change a table that others refer
  //   to, such as sessions.
  // - lock_timeout: PostgreSQL applies it where the lock is, on a worker.
  // - The conditions: a value that the workers already have is not sent again.
  {
    head: `ambit.bind(organization text, person text) returns text language plpgsql volatile`,
    body: `
  begin
    perform set_config('citus.propagate_set_commands', 'local', true);
    perform set_config('citus.multi_shard_modify_mode', 'sequential', true);
    if coalesce(current_setting('ambit.organization_id', true), '') <> coalesce(organization, '') then
      execute format('set local ambit.organization_id = %L', coalesce(organization, ''));
      execute format('set local lock_timeout = %L', current_setting('lock_timeout'));
    end if;
    if coalesce(current_setting('ambit.user_id', true), '') <> coalesce(person, '') then
      execute format('set local ambit.user_id = %L', coalesce(person, ''));
    end if;
    return '';
  end `,
  },
  // With SECURITY DEFINER, the check would read on another connection to the worker, in another snapshot than the statements
  // that follow. Therefore it runs as the runtime role: it binds the transaction first, and removes the binding if the
  // credential has changed.
  {
    head: `ambit.is_session_unchanged(session uuid, organization uuid, person uuid, version text) returns boolean language plpgsql volatile security invoker`,
    body: `
  declare found_session record; found_organization record; is_unchanged boolean := false;
  begin
    perform ambit.bind(organization::text, person::text);
    select s.expires_at, u.email, u.name, u.created_at into found_session
    from public.sessions s join public.users u on u.id = s.user_id
    where s.id = session and s.user_id = person and s.organization_id is not distinct from organization;
    if found then
      select o.slug, o.name, o.plan, o.access_version into found_organization from public.organizations o where o.id = organization;
      is_unchanged := coalesce(version = row(found_session.expires_at, found_session.email, found_session.name, found_session.created_at,
        found_organization.slug, found_organization.name, found_organization.plan, found_organization.access_version)::text, false);
    end if;
    if not is_unchanged then perform ambit.bind(null, null); end if;
    return is_unchanged;
  end `,
  },
  {
    head: `ambit.is_token_unchanged(secret_hash text, organization uuid, person uuid, version text) returns boolean language plpgsql volatile security invoker`,
    body: `
  #variable_conflict use_column
  declare t record; u record; is_unchanged boolean := false;
  begin
    perform ambit.bind(organization::text, person::text);
    -- After a failure, a worker may still show a token that was deleted, until Citus recovers the transaction there.
    if not exists (select from public.organization_secrets d where d.hash = secret_hash) then
      perform ambit.bind(null, null);
      return false;
    end if;
    select t.id, t.name, t.principal_id, t.project_id, t.access,
      least(t.expires_at, t.lineage_at + o.api_token_max_days * interval '24 hours',
        case when t.hash <> secret_hash then t.previous_ends_at end) as expires_at,
      t.preset, t.permissions, t.project_ids, t.addresses, o.slug, o.name as organization_name, o.plan, o.access_version into t
    from public.api_tokens t join public.organizations o on o.id = t.organization_id
    where t.organization_id = organization and o.id = organization and (t.hash = secret_hash or t.previous_hash = secret_hash);
    if found then
      select u.email, u.name, u.created_at into u from public.users u where u.id = person;
      is_unchanged := coalesce(version = row(t.id, case when t.principal_id is null then t.name end, t.principal_id, t.project_id, t.access, t.expires_at, t.preset, t.permissions,
        t.project_ids, t.addresses, u.email, u.name, u.created_at, t.slug, t.organization_name, t.plan, t.access_version)::text, false);
    end if;
    if not is_unchanged then perform ambit.bind(null, null); end if;
    return is_unchanged;
  end `,
  },
  // Nothing is read after these checks, so they can use the lookups, which need no binding.
  {
    head: `ambit.check_session(session uuid, organization uuid, person uuid, version text) returns boolean language plpgsql stable`,
    body: `
  begin
    return exists (select from ambit.find_session_actor(session) found where found.user_id = person
      and found.organization_id is not distinct from organization and found.version = check_session.version);
  end `,
  },
  {
    head: `ambit.check_token(secret_hash text, organization uuid, person uuid, version text) returns boolean language plpgsql stable`,
    body: `
  begin
    return exists (select from ambit.find_token_actor(secret_hash) found where found.user_id is not distinct from person
      and found.organization_id = organization and found.version = check_token.version);
  end `,
  },
  // Citus does not join tables of the coordinator with those of workers. With literals for each table, it asks only the shards
  // of these organizations.
  {
    head: `ambit.find_memberships(person uuid) returns table (organization_id uuid, slug text, name text, principal_id uuid, built_in_role_id uuid, role_name text) language plpgsql stable security definer set search_path = pg_catalog, pg_temp`,
    body: `
  #variable_conflict use_column
  declare organizations uuid[] := (select array_agg(m.organization_id) from public.memberships m where m.user_id = person);
  begin
    if organizations is null then return; end if;
    return query execute format('select o.id, o.slug, o.name, p.id, a.built_in_role_id, r.name
      from public.principals p join public.organizations o on o.id = p.organization_id
      join public.assignments a on a.organization_id = p.organization_id and a.principal_id = p.id and a.project_id is null
      left join public.roles r on r.organization_id = a.organization_id and r.id = a.role_id
      where p.organization_id = any (%1$L::uuid[]) and o.id = any (%1$L::uuid[]) and a.organization_id = any (%1$L::uuid[])
        and p.user_id = %2$L order by p.id', organizations, person);
  end `,
  },
];
