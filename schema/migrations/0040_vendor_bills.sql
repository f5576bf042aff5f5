-- What providers charged us, by their own word: compared with COGS, never a cost itself. Of one provider, model and time
-- the row that was recorded last counts. `model` is a glob; null: everything.
create table aforo_store.vendor_bills (
  tenant_id text not null,
  bill_id bigint generated always as identity (start with 2147483648),
  provider text not null,
  model text,
  period_from timestamptz not null,
  period_to timestamptz not null,
  usd numeric(38,18) not null check (usd >= 0),
  source text not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, bill_id),
  check (period_from < period_to)
);
--> statement-breakpoint
create index vendor_bills_by_time on aforo_store.vendor_bills (tenant_id, period_to, provider);
