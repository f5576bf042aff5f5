-- The price book says more: where, at which hours, from which context length on, for what a unit is. retracted_at ends
-- the time a row was known: it is set once, by the row that says otherwise, and never undone.
alter table aforo_store.price_rows
  add column region text not null default '',
  add column context_inclusive boolean not null default false,
  add column schedule jsonb,
  add column fee_basis text not null default 'token'
    check (fee_basis in ('token', 'call', 'request', 'second', 'search_unit', 'gb_day', 'container_hour')),
  add column min_quantity numeric(38,9) check (min_quantity > 0),
  add column rounding_quantity numeric(38,9) check (rounding_quantity > 0),
  add column derived boolean not null default false,
  add column retracted_at timestamptz,
  add check (retracted_at is null or retracted_at >= recorded_at);
--> statement-breakpoint
-- Other names of models, dated: `mistral-large-latest`, an Azure deployment, a Bedrock profile.
create table aforo_store.price_aliases (
  price_alias_id bigint generated always as identity (start with 2147483648) primary key,
  tenant_id text not null,
  provider text not null,
  alias text not null,
  to_provider text not null,
  to_model text not null,
  effective_from timestamptz not null,
  effective_to timestamptz,
  recorded_at timestamptz not null,
  retracted_at timestamptz,
  source text not null,
  check (effective_to is null or effective_to > effective_from),
  check (retracted_at is null or retracted_at >= recorded_at)
);
--> statement-breakpoint
create index price_aliases_by_alias on aforo_store.price_aliases (provider, alias, tenant_id);
--> statement-breakpoint
drop index aforo_store.price_rows_once;
--> statement-breakpoint
-- Until now a row took over from an earlier one of its series by beginning later. What of a row is left to it becomes a
-- row of its own; the row itself ends to be known when the first such other was recorded.
with ranked as (
  select price_row_id, tenant_id, book, provider, model, meter, service_tier, context_from, recorded_at,
    tstzrange(effective_from, effective_to) as effective,
    row_number() over (
      partition by tenant_id, book, provider, model, meter, service_tier, context_from
      order by effective_from, recorded_at, price_row_id) as place
  from aforo_store.price_rows
), overtaken as (
  select row.price_row_id, min(greatest(row.recorded_at, other.recorded_at)) as recorded_at,
    tstzmultirange(row.effective) - range_agg(other.effective) as left_over
  from ranked row
  join ranked other using (tenant_id, book, provider, model, meter, service_tier, context_from)
  where other.place > row.place and other.effective && row.effective
  group by row.price_row_id, row.effective
), retracted as (
  update aforo_store.price_rows row set retracted_at = overtaken.recorded_at
  from overtaken where row.price_row_id = overtaken.price_row_id
)
insert into aforo_store.price_rows
  (tenant_id, book, provider, model, meter, service_tier, currency, unit_price, per, context_from, effective_from,
   effective_to, recorded_at, source, source_digest)
select row.tenant_id, row.book, row.provider, row.model, row.meter, row.service_tier, row.currency, row.unit_price,
  row.per, row.context_from, lower(piece), upper(piece), overtaken.recorded_at, row.source,
  row.source_digest
from overtaken
join aforo_store.price_rows row using (price_row_id)
cross join lateral unnest(overtaken.left_over) as piece;
--> statement-breakpoint
-- A series has one price at an instant, as far as is known at an instant. A range of one number is how GiST compares for
-- equality without the btree_gist extension, which not every server has; the number is a hash of the series, so that
-- rows of one series always meet. Two series of one hash, one chance in 10^9 with 100,000 series, would be refused.
alter table aforo_store.price_rows add column series bigint not null generated always as (hashtextextended(
  tenant_id || chr(31) || book || chr(31) || provider || chr(31) || model || chr(31) || meter || chr(31) ||
  service_tier || chr(31) || region || chr(31) || context_from::text || chr(31) || context_inclusive::text || chr(31) ||
  coalesce(schedule::text, ''), 0)) stored;
--> statement-breakpoint
alter table aforo_store.price_rows add constraint price_rows_one_at_a_time exclude using gist (
  int8range(series, series, '[]') with &&,
  tstzrange(effective_from, effective_to) with &&,
  tstzrange(recorded_at, retracted_at) with &&);
--> statement-breakpoint
alter table aforo_store.price_aliases add column series bigint not null generated always as (hashtextextended(
  tenant_id || chr(31) || provider || chr(31) || alias, 0)) stored;
--> statement-breakpoint
alter table aforo_store.price_aliases add constraint price_aliases_one_at_a_time exclude using gist (
  int8range(series, series, '[]') with &&,
  tstzrange(effective_from, effective_to) with &&,
  tstzrange(recorded_at, retracted_at) with &&);
