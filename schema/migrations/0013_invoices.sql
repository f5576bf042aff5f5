-- A counter has a clock: what it is moved by is rated after everything that moved it before, and after an invoice that was
-- made of it. So "rated before T" is the same set of rows whenever it is asked for.
alter table aforo_store.meter_counters add column rated_at timestamptz;
--> statement-breakpoint
update aforo_store.meter_counters set rated_at = date_trunc('milliseconds', now());
--> statement-breakpoint
-- What stands on an invoice of the customer, as of its finalisation.
alter table aforo_store.customers add column address text, add column tax_id text,
  add column tax_rate_pct numeric(9,6) check (tax_rate_pct between 0 and 100), add column tax_label text;
--> statement-breakpoint
-- Who sells: legal name, address, tax id, days until an invoice is due.
alter table aforo_store.tenant_settings add column seller jsonb;
--> statement-breakpoint
-- The last number given, one row per tenant and kind: it moves in the transaction that uses it.
create table aforo_store.invoice_series (
  tenant_id text not null,
  kind text not null check (kind in ('invoice', 'credit_note')),
  last_number bigint not null check (last_number > 0),
  primary key (tenant_id, kind)
);
--> statement-breakpoint
-- Invoices and credit notes. document is what all of its forms are made of; of a draft it is what it came to when it was
-- last written, of any other it is frozen, and content_hash is its hash. cutoff: what was rated or posted before it is in.
create table aforo_store.invoices (
  tenant_id text not null,
  invoice_id text not null,
  kind text not null check (kind in ('invoice', 'credit_note')),
  status text not null check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
  customer_id text not null,
  currency text not null,
  period_from timestamptz not null,
  period_to timestamptz not null check (period_to > period_from),
  number bigint,
  cutoff timestamptz,
  amount_exact numeric(38,18) not null,
  subtotal numeric(38,18) not null,
  discount numeric(38,18) not null,
  tax numeric(38,18) not null,
  total numeric(38,18) not null check (total = subtotal - discount + tax),
  credits_applied numeric(38,18) not null,
  amount_due numeric(38,18) not null check (amount_due = total - credits_applied),
  document jsonb not null,
  content_hash text,
  recorded_at timestamptz not null,
  finalized_at timestamptz,
  paid_at timestamptz,
  uncollectible_at timestamptz,
  voided_at timestamptz,
  series bigint not null generated always as (hashtextextended(
    tenant_id || chr(31) || customer_id || chr(31) || currency, 0)) stored,
  primary key (tenant_id, invoice_id),
  foreign key (tenant_id, customer_id) references aforo_store.customers,
  check ((status = 'draft') = (number is null) and (number is null) = (cutoff is null)
    and (number is null) = (content_hash is null) and (number is null) = (finalized_at is null))
);
--> statement-breakpoint
create unique index invoices_by_number on aforo_store.invoices (tenant_id, kind, number);
--> statement-breakpoint
create index invoices_by_customer on aforo_store.invoices (tenant_id, customer_id, period_from);
--> statement-breakpoint
create index invoices_by_period on aforo_store.invoices (tenant_id, period_from desc);
--> statement-breakpoint
-- No instant of a customer is on two invoices that count. A range of one number compares for equality (see the price book).
alter table aforo_store.invoices add constraint invoices_one_at_a_time exclude using gist (
  int8range(series, series, '[]') with &&, tstzrange(period_from, period_to) with &&)
  where (kind = 'invoice' and status <> 'void');
--> statement-breakpoint
-- amount is amount_exact, rounded once to the currency; residual is what that left over.
create table aforo_store.invoice_lines (
  tenant_id text not null,
  invoice_id text not null,
  line_no integer not null,
  kind text not null,
  plan_id text,
  plan_version integer,
  meter_no integer,
  meter text,
  provider text,
  model text,
  tool text,
  quantity numeric(38,18),
  unit text,
  amount_exact numeric(38,18) not null,
  amount numeric(38,18) not null,
  residual numeric(38,18) not null check (amount_exact = amount + residual),
  period_from timestamptz not null,
  period_to timestamptz not null,
  primary key (tenant_id, invoice_id, line_no),
  foreign key (tenant_id, invoice_id) references aforo_store.invoices
);
--> statement-breakpoint
create index invoice_lines_by_period on aforo_store.invoice_lines (tenant_id, period_from desc);
--> statement-breakpoint
-- What an invoice bills of a subscription's period: what the period came to at the cutoff, less what other invoices that
-- counted then had billed of it. In money: all of it, the part that promotional credits paid, the part that paid ones did.
create table aforo_store.invoice_periods (
  tenant_id text not null,
  invoice_id text not null,
  subscription_id bigint not null,
  period_start timestamptz not null,
  owed numeric(38,18) not null,
  owed_promo numeric(38,18) not null,
  owed_paid numeric(38,18) not null,
  before numeric(38,18) not null,
  before_promo numeric(38,18) not null,
  before_paid numeric(38,18) not null,
  primary key (tenant_id, invoice_id, subscription_id, period_start),
  foreign key (tenant_id, invoice_id) references aforo_store.invoices
);
--> statement-breakpoint
create index invoice_periods_by_period on aforo_store.invoice_periods (tenant_id, subscription_id, period_start);
--> statement-breakpoint
-- What is finalised stays: its state may move on, and nothing else. series is generated behind this trigger.
create function aforo_store.keep_invoice() returns trigger language plpgsql as $$
declare
  moving constant text[] := array['status', 'paid_at', 'uncollectible_at', 'voided_at', 'series'];
begin
  if old.status = 'draft' then
    return case when tg_op = 'DELETE' then old else new end;
  end if;
  if tg_op = 'UPDATE' and to_jsonb(new) - moving = to_jsonb(old) - moving then
    return new;
  end if;
  raise exception 'invoice % is finalised and cannot be changed', old.invoice_id;
end
$$;
--> statement-breakpoint
create trigger invoices_keep before update or delete on aforo_store.invoices
  for each row execute function aforo_store.keep_invoice();
--> statement-breakpoint
create function aforo_store.keep_invoice_part() returns trigger language plpgsql as $$
begin
  if exists (select from aforo_store.invoices invoice where invoice.tenant_id = old.tenant_id
      and invoice.invoice_id = old.invoice_id and invoice.status <> 'draft') then
    raise exception 'invoice % is finalised and cannot be changed', old.invoice_id;
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end
$$;
--> statement-breakpoint
create trigger invoice_lines_keep before update or delete on aforo_store.invoice_lines
  for each row execute function aforo_store.keep_invoice_part();
--> statement-breakpoint
create trigger invoice_periods_keep before update or delete on aforo_store.invoice_periods
  for each row execute function aforo_store.keep_invoice_part();
--> statement-breakpoint
-- A draft shows what it came to when it was last written. time is where the period begins, of a line that of its usage.
create view aforo.invoices with (security_barrier) as
select period_from as time, invoice_id, kind, document->>'number' as number, status, customer_id as customer, currency,
  period_from, period_to, cutoff, amount_exact, subtotal, discount, tax, total, credits_applied, amount_due,
  (document->>'due_at')::timestamptz as due_at, recorded_at, finalized_at, paid_at, uncollectible_at, voided_at
from aforo_store.invoices
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
-- Invoices are looked up row by row, as a range of time on a join would reach one side of it alone.
create view aforo.invoice_lines with (security_barrier) as
select line.period_from as time, line.invoice_id, line.line_no, invoice.status, invoice.customer_id as customer,
  invoice.currency, line.kind, line.plan_id as plan, line.plan_version, line.meter, line.provider, line.model, line.tool,
  line.quantity, line.unit, line.amount_exact, line.amount, line.residual, line.period_from, line.period_to
from aforo_store.invoice_lines line
cross join lateral (
  select status, customer_id, currency from aforo_store.invoices invoice
  where invoice.tenant_id = line.tenant_id and invoice.invoice_id = line.invoice_id
  offset 0) invoice
where line.tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant select on aforo.invoices, aforo.invoice_lines to aforo_grafana;
  end if;
end
$$;
