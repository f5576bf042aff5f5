-- What crosses traces. A call may be seen in several traces: each has a row here, and all rows of one call name the
-- same owner, the one that is billed. `sighting` is what decides, `members` the other rows of the same call that were
-- found in the same process. `place` is a hash of that process, null where calls are not compared by place; `tokens` is
-- null for a call without usage. `told`: the newest revision of the row's event says what the row says; where it does
-- not, the trace is cut again.
create table aforo_store.call_sightings (
  tenant_id text not null,
  trace_id bytea not null,
  span_id bytea not null,
  place text,
  tokens text,
  start_nano bigint not null,
  end_nano bigint not null,
  sighting jsonb not null,
  members text[] not null,
  owner_trace_id bytea not null,
  owner_span_id bytea not null,
  replay boolean not null,
  told boolean not null,
  primary key (tenant_id, trace_id, span_id)
);
--> statement-breakpoint
create index call_sightings_by_place on aforo_store.call_sightings (tenant_id, place, start_nano)
  where place is not null;
--> statement-breakpoint
create index call_sightings_untold on aforo_store.call_sightings (tenant_id, trace_id) where not told;
--> statement-breakpoint
create index call_sightings_mirrors on aforo_store.call_sightings (tenant_id, owner_trace_id)
  where owner_trace_id <> trace_id;
--> statement-breakpoint
-- One row per id of a request or response: who saw it, as `trace/span`, and the lock under which that is decided.
create table aforo_store.call_keys (
  tenant_id text not null,
  key text not null,
  seen_by text[] not null,
  primary key (tenant_id, key)
);
--> statement-breakpoint
-- Which sets of instrumentations told of the calls of a process, both as hashes. Only where there are several can two
-- of them have told of one call.
create table aforo_store.place_scopes (
  tenant_id text not null,
  place text not null,
  scopes text not null,
  primary key (tenant_id, place, scopes)
);
--> statement-breakpoint
create table aforo_store.tenant_settings (
  tenant_id text primary key,
  mirrors text not null default 'by_id_and_place' check (mirrors in ('by_id', 'by_id_and_place')),
  recorded_at timestamptz not null
);
--> statement-breakpoint
-- Which cost of a provider's calls is COGS: what the price book says, or what the spans report. The newest row counts.
create table aforo_store.provider_settings (
  tenant_id text not null,
  provider text not null,
  setting_id bigint generated always as identity (start with 2147483648),
  cogs text not null check (cogs in ('computed', 'reported')),
  recorded_at timestamptz not null,
  primary key (tenant_id, provider, setting_id)
);
--> statement-breakpoint
-- Usage that a person states for a call whose spans tell none: a fact like a span. The newest row of a span counts,
-- as long as no span tells.
create table aforo_store.stated_usage (
  tenant_id text not null,
  trace_id bytea not null,
  span_id bytea not null,
  stated_id bigint generated always as identity (start with 2147483648),
  input_uncached bigint not null,
  cache_read bigint not null,
  cache_write bigint not null,
  cache_write_1h bigint not null,
  output_text bigint not null,
  output_reasoning bigint not null,
  note text,
  recorded_at timestamptz not null,
  primary key (tenant_id, trace_id, span_id, stated_id)
);
--> statement-breakpoint
-- Of the calls that report a cost: what the price book makes of them, as far as it knows, and what they report,
-- whichever of the two is COGS. Differences to the revision before, like the rest; null where no call reports any.
alter table aforo_store.ratings add column computed_cogs numeric(38,18);
--> statement-breakpoint
alter table aforo_store.ratings add column reported_cogs numeric(38,18);
