-- Keys are stored hashed (SHA-256 of 32 random bytes needs no salt) and shown once.
create table aforo_store.api_keys (
  tenant_id text not null,
  key_id text not null,
  role text not null check (role in ('ingest', 'check', 'read', 'admin')),
  key_hash bytea not null unique,
  recorded_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, key_id)
);
--> statement-breakpoint
-- The first answer to a POST with an Idempotency-Key, given again to the same key and body.
create table aforo_store.idempotency_keys (
  tenant_id text not null,
  endpoint text not null,
  key text not null,
  body_hash text not null,
  status integer not null,
  -- The JSON as it was sent, to the letter.
  response text not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, endpoint, key)
);
--> statement-breakpoint
-- Which tenant a database login may read through the views. One tenant per login.
create table aforo_store.login_tenants (
  login name primary key,
  tenant_id text not null
);
--> statement-breakpoint
create function aforo_store.login_tenant() returns text
  language sql stable security definer set search_path = pg_catalog
  as $$ select tenant_id from aforo_store.login_tenants where login = session_user $$;
