-- Tables live in aforo_store, which only Aforo touches; the schema aforo holds the views that people read.
create schema if not exists aforo_store;
--> statement-breakpoint
create schema if not exists aforo;
--> statement-breakpoint
create table if not exists aforo_store.meta (
  key text primary key,
  value text not null
);
--> statement-breakpoint
-- The usage journal: one row per span that matters, append-only, the boundary of the acknowledgement.
-- `time` is the span's end, clamped to what is believed. It is a function of the span alone, so that a resend meets
-- the same key; a hypertable's key must hold it. `fingerprint` is a hash of everything the row says: an identical
-- resend is dropped by the key, a differing one is kept as evidence and decided by the assembly.
-- start_nano and end_nano are unsigned 64-bit numbers, kept as the signed ones of the same bits.
create table aforo_store.usage_journal (
  tenant_id text not null,
  trace_id bytea not null,
  span_id bytea not null,
  time timestamptz not null,
  fingerprint bigint not null,
  received_at timestamptz not null,
  parent_span_id bytea,
  start_nano bigint not null,
  end_nano bigint not null,
  name text not null,
  kind text not null,
  failed boolean not null,
  error_type text,
  scope_name text not null,
  scope_version text not null,
  service_name text,
  service_instance text,
  class text not null,
  agent_boundary boolean not null,
  dialect text not null,
  provider text,
  request_model text,
  response_model text,
  response_id text,
  metered boolean not null,
  input_uncached bigint not null,
  cache_read bigint not null,
  cache_write bigint not null,
  cache_write_1h bigint not null,
  output_text bigint not null,
  output_reasoning bigint not null,
  total_tokens bigint,
  input_convention text not null,
  estimated boolean not null,
  reasoning_parts integer,
  plan boolean not null,
  quantities jsonb,
  service_tier text,
  region text,
  reported_cost numeric,
  reported_cost_key text,
  tool_name text,
  tool_call_id text,
  tool_type text,
  customer text,
  customer_fallback text,
  product text,
  session text,
  session_fallback text,
  agent text,
  hold_id text,
  anomalies jsonb,
  primary key (tenant_id, trace_id, span_id, time, fingerprint)
);
--> statement-breakpoint
-- What is open: one row per trace that has journal rows. The only mutable state between journal and event.
-- Spans that say nothing of usage count here too, as they may come first and on another receiver; but a trace is due
-- only once it has usage. time_from and time_to bound the journal's `time`, so that reading a trace touches only its
-- chunks. opened_at and open_span_count begin anew with the first span after a cut.
create table aforo_store.traces (
  tenant_id text not null,
  trace_id bytea not null,
  first_received_at timestamptz not null,
  last_received_at timestamptz not null,
  time_from timestamptz not null,
  time_to timestamptz not null,
  root_ended boolean not null,
  has_usage boolean not null,
  span_count bigint not null,
  opened_at timestamptz not null,
  open_span_count bigint not null,
  cut_due_at timestamptz,
  cut_attempts integer not null default 0,
  completed boolean not null default false,
  event_time timestamptz,
  revision integer not null default -1,
  primary key (tenant_id, trace_id)
);
--> statement-breakpoint
create index traces_due on aforo_store.traces (cut_due_at) where cut_due_at is not null;
--> statement-breakpoint
-- A billable event, one row per revision. Numbers are the difference to the revision before, so that any sum over
-- rows is right; `assembly` is the whole trace as of the revision.
create table aforo_store.events (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  time timestamptz not null,
  trace_id bytea not null,
  cut_reason text not null,
  recorded_at timestamptz not null,
  customer_id text,
  product_id text,
  agent text,
  session_id text,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  model_calls bigint not null,
  unmetered_calls bigint not null,
  tool_calls bigint not null,
  reasoning_steps bigint not null,
  input_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  embedding_tokens bigint not null,
  assembly jsonb not null,
  primary key (tenant_id, event_id, revision, time)
);
--> statement-breakpoint
create index events_by_time on aforo_store.events (tenant_id, time desc);
--> statement-breakpoint
create index events_by_customer on aforo_store.events (tenant_id, customer_id, time desc);
--> statement-breakpoint
create index events_by_session on aforo_store.events (tenant_id, session_id, time desc);
--> statement-breakpoint
-- A customer named by hand for a trace that names none: a fact like a span, so a replay of the journal meets it
-- again. The newest row of a trace (the highest attribution_id) fills in where the assembly found no customer.
create table aforo_store.attributions (
  tenant_id text not null,
  trace_id bytea not null,
  attribution_id bigint generated always as identity (start with 2147483648),
  customer_id text not null,
  note text,
  recorded_at timestamptz not null,
  primary key (tenant_id, trace_id, attribution_id)
);
--> statement-breakpoint
-- Revisions that wait to be costed and priced. A row goes in the transaction that writes the rating.
create table aforo_store.rating_queue (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  time timestamptz not null,
  enqueued_at timestamptz not null,
  attempts integer not null default 0,
  not_before timestamptz not null,
  last_error text,
  primary key (tenant_id, event_id, revision)
);
--> statement-breakpoint
create index rating_queue_order on aforo_store.rating_queue (not_before, enqueued_at);
--> statement-breakpoint
-- What could not be billed yet, and what somebody should look at. One row per subject; resolving keeps the row.
create table aforo_store.exceptions (
  tenant_id text not null,
  exception_id text not null,
  kind text not null,
  event_id text not null,
  trace_id bytea not null,
  span_id bytea,
  provider text,
  model text,
  customer_id text,
  reason text not null,
  recorded_at timestamptz not null,
  resolved_at timestamptz,
  resolution text,
  primary key (tenant_id, exception_id)
);
--> statement-breakpoint
create index exceptions_open on aforo_store.exceptions (tenant_id, kind, recorded_at desc) where resolved_at is null;
--> statement-breakpoint
create index exceptions_by_event on aforo_store.exceptions (tenant_id, event_id);
