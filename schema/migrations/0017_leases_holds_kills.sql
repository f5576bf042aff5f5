-- What may still be used of a counter, given out and held. Of each counter
--   leased = Σ amount of its leases + Σ held of what its holds took.
-- A lease is what a sidecar may hold without asking; the row goes with it. seq: the last message that changed it, so that
-- one that was overtaken changes nothing.
create table aforo_store.budget_leases (
  tenant_id text not null,
  budget_id text not null,
  counting_version integer not null,
  subject text not null,
  window_start timestamptz not null,
  sidecar_id text not null,
  lease_id text not null,
  amount numeric(38,18) not null check (amount >= 0),
  seq bigint not null,
  granted_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, budget_id, counting_version, subject, window_start, sidecar_id)
);
--> statement-breakpoint
create index budget_leases_by_expiry on aforo_store.budget_leases (expires_at);
--> statement-breakpoint
-- What a call was admitted with. It ends once; a row without a sidecar is the mark of a span that was here before its
-- hold. card: what its tokens are worth. expires_at: until when what it still holds is held. late: it was ended again
-- after it had expired or been released.
create table aforo_store.budget_holds (
  tenant_id text not null,
  hold_id text not null,
  sidecar_id text,
  customer_id text,
  product_id text,
  agent text,
  session_id text,
  trace_id text,
  model text,
  held_by text not null check (held_by in ('price', 'estimate')),
  state text not null check (state in ('active', 'settled', 'released', 'expired')),
  settled_by text check (settled_by in ('call', 'span')),
  late boolean not null,
  card jsonb not null,
  actual jsonb,
  opened_at timestamptz not null,
  expires_at timestamptz not null,
  changed_at timestamptz not null,
  -- Whether anything is held, or may have to expire.
  holding boolean not null,
  primary key (tenant_id, hold_id)
);
--> statement-breakpoint
create index budget_holds_by_expiry on aforo_store.budget_holds (expires_at) where holding;
--> statement-breakpoint
create index budget_holds_ended on aforo_store.budget_holds (changed_at) where not holding;
--> statement-breakpoint
-- What a hold took of each counter, and holds of it now. over: what was used beyond what was taken.
create table aforo_store.budget_hold_takes (
  tenant_id text not null,
  hold_id text not null,
  budget_id text not null,
  counting_version integer not null,
  subject text not null,
  window_start timestamptz not null,
  unit text not null,
  taken numeric(38,18) not null check (taken >= 0),
  held numeric(38,18) not null check (held between 0 and taken),
  over numeric(38,18) not null default 0 check (over >= 0),
  primary key (tenant_id, hold_id, budget_id, counting_version, subject, window_start)
);
--> statement-breakpoint
create index budget_hold_takes_held on aforo_store.budget_hold_takes
  (tenant_id, budget_id, counting_version, subject, window_start) where held > 0;
--> statement-breakpoint
-- Who was stopped: a session, an agent or a customer. A row of each time; lifted_at null: still stopped.
create table aforo_store.kills (
  tenant_id text not null,
  kind text not null check (kind in ('session', 'agent', 'customer')),
  id text not null,
  kill_no integer not null,
  reason text,
  killed_at timestamptz not null,
  lifted_at timestamptz check (lifted_at >= killed_at),
  changed_tx xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, kind, id, kill_no)
);
--> statement-breakpoint
create index kills_by_change on aforo_store.kills (changed_tx);
--> statement-breakpoint
-- So that who remembers budgets learns of a new version.
alter table aforo_store.budget_versions add column changed_tx xid8 not null default pg_current_xact_id();
--> statement-breakpoint
create index budget_versions_by_change on aforo_store.budget_versions (changed_tx);
--> statement-breakpoint
-- How often a counter was written: of two readings, the later one. A reader is told of a counter by more than one way.
alter table aforo_store.budget_counters add column version bigint not null default 1;
--> statement-breakpoint
create function aforo_store.next_counter_version() returns trigger language plpgsql as $$
begin
  new.version := old.version + 1;
  return new;
end
$$;
--> statement-breakpoint
create trigger budget_counters_version before update on aforo_store.budget_counters
for each row execute function aforo_store.next_counter_version();
