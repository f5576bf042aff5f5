-- What catalogues said, what was proposed of it, and what was decided: rows that are written once. An import is one look
-- at one catalogue; `flags` names what of it was read otherwise than it stands, `refused` what was not believed.
create table aforo_store.price_imports (
  import_id bigint generated always as identity (start with 2147483648) primary key,
  source text not null,
  format text not null check (format in ('genai', 'rows')),
  source_digest text not null,
  second_source text,
  second_digest text,
  row_count integer not null,
  is_complete boolean not null,
  flags jsonb not null,
  refused jsonb not null,
  recorded_at timestamptz not null
);
--> statement-breakpoint
create index price_imports_by_source on aforo_store.price_imports (source, import_id desc);
--> statement-breakpoint
create index price_imports_by_digest on aforo_store.price_imports (source_digest);
--> statement-breakpoint
-- One model's changes. The fingerprint is of what is proposed without when it was: a pull that says the same proposes nothing
-- again. held empty: accepted by itself. cogs_share: of the last 30 days, of all tenants. effects: what a back-dated price
-- would adjust, one entry per tenant.
create table aforo_store.price_proposals (
  proposal_id bigint generated always as identity (start with 2147483648) primary key,
  import_id bigint not null references aforo_store.price_imports,
  kind text not null
    check (kind in ('new_model', 'new_meter', 'change', 'revocation', 'back_dated', 'upstream_missing')),
  provider text not null,
  model text not null,
  fingerprint text not null,
  changes jsonb not null,
  held text[] not null,
  cogs_share numeric(12,9) not null,
  effects jsonb not null,
  recorded_at timestamptz not null
);
--> statement-breakpoint
create index price_proposals_by_model on aforo_store.price_proposals (provider, model, proposal_id desc);
--> statement-breakpoint
-- A proposal is decided once; one that was taken in may be revoked before its prices begin. price_row_ids: what it put into
-- the book.
create table aforo_store.price_decisions (
  proposal_id bigint not null references aforo_store.price_proposals,
  decision_no integer not null check (decision_no in (0, 1)),
  decision text not null check (decision in ('accepted', 'approved', 'rejected', 'superseded', 'revoked')),
  decided_by text not null,
  reason text,
  price_row_ids bigint[] not null,
  recorded_at timestamptz not null,
  primary key (proposal_id, decision_no),
  check ((decision = 'revoked') = (decision_no = 1))
);
--> statement-breakpoint
create index price_decisions_by_time on aforo_store.price_decisions (recorded_at);
--> statement-breakpoint
-- What a back-dated price makes of costs that were booked: the quantity leaves the row it was costed by and goes to the new
-- one. Costs, ratings and prices stay. Rows are differences, as all lines of an event: a later revision adds what it changes.
create table aforo_store.cogs_adjustments (
  tenant_id text not null,
  adjustment_id bigint generated always as identity (start with 2147483648),
  proposal_id bigint not null references aforo_store.price_proposals,
  event_id text not null,
  revision integer not null,
  time timestamptz not null,
  customer_id text,
  product_id text,
  agent text,
  part text not null,
  provider text,
  model text,
  tool text,
  meter text not null,
  service_tier text not null,
  old_price_row_id bigint not null,
  old_unit_price numeric(30,15) not null,
  old_per bigint not null,
  new_price_row_id bigint not null,
  new_unit_price numeric(30,15) not null,
  new_per bigint not null,
  currency text not null,
  -- What the tenant has off the list: the same at both rows.
  price_discount_id bigint,
  discount_pct numeric(18,12),
  quantity numeric(38,9) not null,
  old_amount numeric(38,18) not null,
  new_amount numeric(38,18) not null,
  delta numeric(38,18) not null check (delta = new_amount - old_amount),
  reason text,
  approver text not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, adjustment_id)
);
--> statement-breakpoint
create index cogs_adjustments_by_event on aforo_store.cogs_adjustments (tenant_id, event_id);
--> statement-breakpoint
create index cogs_adjustments_by_time on aforo_store.cogs_adjustments (tenant_id, time desc);
