-- How the traces of a product become events: each one its own, or all of a session together. Counts for traces of which
-- the first span was received since then; the newest such row of a product counts.
create table aforo_store.product_settings (
  tenant_id text not null,
  product_id text not null,
  setting_id bigint generated always as identity (start with 2147483648),
  group_by text not null check (group_by in ('trace', 'session')),
  recorded_at timestamptz not null,
  primary key (tenant_id, product_id, setting_id)
);
--> statement-breakpoint
-- One row per event of a session, and the lock under which its revisions are made. session_key is a hash of product,
-- session and customer; `place` counts the events of one session. The numbers are those of the newest revision.
create table aforo_store.session_events (
  tenant_id text not null,
  event_id text not null,
  session_key text not null,
  place integer not null,
  product_id text not null,
  session_id text not null,
  customer_id text,
  time timestamptz,
  revision integer not null default -1,
  trace_count integer not null default 0,
  span_count integer not null default 0,
  primary key (tenant_id, event_id),
  unique (tenant_id, session_key, place)
);
--> statement-breakpoint
-- What a cut of a trace brought to the event of its session: the trace's whole assembly, or null where the trace left.
-- `cut` counts the cuts of the trace that changed something, `event_revision` is the event's newest revision after it.
-- The newest row of an event and trace counts. own_told: the trace's own event got a revision by the same cut.
create table aforo_store.contributions (
  tenant_id text not null,
  event_id text not null,
  trace_id bytea not null,
  cut integer not null,
  event_revision integer not null,
  cut_reason text not null,
  recorded_at timestamptz not null,
  own_told boolean not null,
  assembly jsonb,
  primary key (tenant_id, event_id, trace_id, cut)
);
--> statement-breakpoint
create index contributions_by_trace on aforo_store.contributions (tenant_id, trace_id, cut);
--> statement-breakpoint
-- The event of a session that has the trace; null where the trace's own has it. event_time is that event's, `revision`
-- counts the trace's cuts.
alter table aforo_store.traces add column session_event_id text;
--> statement-breakpoint
create index traces_by_session_event on aforo_store.traces (tenant_id, session_event_id)
  where session_event_id is not null;
