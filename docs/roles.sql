-- The roles of a production database. A superuser runs this once in the empty database of Ambit, before the first migration
-- and before a restore:
--
--   OWNER_DATABASE_PASSWORD=… NODE_DATABASE_PASSWORD=… psql --dbname=ambit --set=ON_ERROR_STOP=1 --file=docs/roles.sql
--
-- The login ambit owns the tables and migrates them. Requests use the login ambit_node.

\getenv owner_password OWNER_DATABASE_PASSWORD
\getenv node_password NODE_DATABASE_PASSWORD
select current_database() as database \gset

create role ambit_runtime;
create role ambit_lookup;
create role ambit login password :'owner_password';
grant ambit_runtime, ambit_lookup to ambit with admin option;
alter database :"database" owner to ambit;
create role ambit_node login password :'node_password' in role ambit_runtime;

-- A node reads at its start whether the database is migrated.
create schema drizzle authorization ambit;
grant usage on schema drizzle to ambit_node;
alter default privileges for role ambit in schema drizzle grant select on tables to ambit_node;
