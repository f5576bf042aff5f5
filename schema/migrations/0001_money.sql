create table aforo_store.customers (
  tenant_id text not null,
  customer_id text not null,
  name text,
  recorded_at timestamptz not null,
  primary key (tenant_id, customer_id)
);
--> statement-breakpoint
-- A plan as of a version; a body that differs makes the next version, none is changed.
create table aforo_store.plan_versions (
  tenant_id text not null,
  plan_id text not null,
  version integer not null,
  body jsonb not null,
  content_hash text not null,
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, plan_id, version)
);
--> statement-breakpoint
-- Which plan a customer is on from an instant. The row with the latest effective_from not after the usage counts;
-- of two with the same instant the one recorded later.
create table aforo_store.subscriptions (
  tenant_id text not null,
  subscription_id bigint generated always as identity (start with 2147483648),
  customer_id text not null,
  plan_id text not null,
  effective_from timestamptz not null,
  timezone text not null,
  anchor_day integer not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, subscription_id),
  foreign key (tenant_id, customer_id) references aforo_store.customers
);
--> statement-breakpoint
create index subscriptions_by_customer on aforo_store.subscriptions (tenant_id, customer_id, effective_from desc);
--> statement-breakpoint
-- The price book: append-only and bitemporal. tenant_id '' is the catalogue, for all tenants.
create table aforo_store.price_rows (
  price_row_id bigint generated always as identity (start with 2147483648) primary key,
  tenant_id text not null,
  book text not null,
  provider text not null,
  model text not null,
  meter text not null,
  service_tier text not null default 'standard',
  currency text not null default 'USD',
  unit_price numeric(30,15) not null check (unit_price >= 0),
  per bigint not null check (per > 0),
  context_from bigint not null default 0 check (context_from >= 0),
  effective_from timestamptz not null,
  effective_to timestamptz,
  recorded_at timestamptz not null,
  source text not null,
  source_digest text,
  check (effective_to is null or effective_to > effective_from)
);
--> statement-breakpoint
create unique index price_rows_once on aforo_store.price_rows
  (tenant_id, book, provider, model, meter, service_tier, context_from, effective_from, recorded_at);
--> statement-breakpoint
create index price_rows_by_model on aforo_store.price_rows (provider, model, tenant_id);
--> statement-breakpoint
-- F is read and moved here, under a row lock: how much of a meter a subscription has used in a period.
create table aforo_store.meter_counters (
  tenant_id text not null,
  subscription_id bigint not null,
  period_start timestamptz not null,
  plan_id text not null,
  plan_version integer not null,
  meter_no integer not null,
  quantity numeric(38,18) not null default 0,
  amount numeric(38,18) not null default 0,
  primary key (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
);
--> statement-breakpoint
-- The rating of a revision. cogs and price are differences to the revision before: the known part of each.
-- unpriced says whether, as of this revision, some cost is unknown; status is the event's as of this revision.
create table aforo_store.ratings (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  time timestamptz not null,
  rated_at timestamptz not null,
  status text not null,
  unpriced boolean not null,
  customer_id text,
  subscription_id bigint,
  period_start timestamptz,
  plan_id text,
  plan_version integer,
  currency text,
  cogs numeric(38,18) not null,
  price numeric(38,18),
  credits numeric(38,18),
  primary key (tenant_id, event_id, revision, time)
);
--> statement-breakpoint
-- What the provider charges us, per event, model and meter; each row is a difference to the revision before. amount
-- null: no price row was found, never zero; such a quantity is taken back by a negative one with amount null when a
-- price arrives. price_row_id null with amount 0: a tool of ours that costs nothing. span_ids: the spans it is about.
create table aforo_store.cost_lines (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  line_no integer not null,
  time timestamptz not null,
  part text not null,
  provider text,
  model text,
  tool text,
  meter text not null,
  service_tier text not null,
  quantity numeric(38,9) not null,
  price_row_id bigint,
  unit_price numeric(30,15),
  per bigint,
  currency text,
  amount numeric(38,18),
  span_ids bytea[] not null,
  primary key (tenant_id, event_id, revision, line_no, time)
);
--> statement-breakpoint
-- What the customer is charged, per event, meter of the plan and model: the rated lines of the invariants.
create table aforo_store.price_lines (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  line_no integer not null,
  time timestamptz not null,
  customer_id text not null,
  subscription_id bigint not null,
  period_start timestamptz not null,
  plan_id text not null,
  plan_version integer not null,
  meter_no integer not null,
  meter text not null,
  part text not null,
  provider text,
  model text,
  tool text,
  quantity numeric(38,18) not null,
  amount numeric(38,18) not null,
  primary key (tenant_id, event_id, revision, line_no, time)
);
--> statement-breakpoint
create index price_lines_by_period on aforo_store.price_lines
  (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no);
--> statement-breakpoint
-- The stack of an event by part, model and tool: what the anatomy and the margins read. Differences, like the rest.
-- calls and unpriced_calls count model calls, on the prompt line of their model. A changed customer takes the lines
-- back under the old one.
create table aforo_store.event_lines (
  tenant_id text not null,
  event_id text not null,
  revision integer not null,
  line_no integer not null,
  time timestamptz not null,
  customer_id text,
  product_id text,
  agent text,
  part text not null,
  provider text,
  model text,
  tool text,
  unit text not null,
  quantity numeric(38,9) not null,
  calls bigint not null,
  unpriced_calls bigint not null,
  cogs numeric(38,18) not null,
  price numeric(38,18) not null,
  primary key (tenant_id, event_id, revision, line_no, time)
);
--> statement-breakpoint
create index event_lines_by_time on aforo_store.event_lines (tenant_id, time desc);
