import type pg from 'pg'

/** What is wrong with the ledgers of a database, one line each: they are looked at afresh, from the postings alone. */
export async function ledgerFaults(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ fault: string }>(`
    with moved as (
      select tenant_id, customer_id, account, sum(input) as input, sum(output) as output
      from (
        select tenant_id, customer_id, source as account, 0 as input, amount as output
        from aforo_store.credit_postings
        union all
        select tenant_id, customer_id, destination, amount, 0 from aforo_store.credit_postings) both_ends
      group by 1, 2, 3
    ), running as (
      select *, row_number() over ledger as place,
        sum(case when destination like 'grant:%' then amount else 0 end
          - case when source like 'grant:%' then amount else 0 end) over ledger as told,
        lag(recorded_at) over ledger > recorded_at as goes_back
      from aforo_store.credit_postings
      window ledger as (partition by tenant_id, customer_id order by entry_no)
    ), debited as (
      select transaction.tenant_id, customer_id, event_id,
        sum(case when destination = 'usage' then amount else -amount end) as credits
      from aforo_store.credit_transactions transaction
      join aforo_store.credit_postings using (tenant_id, customer_id, transaction_no)
      where event_id is not null group by 1, 2, 3
    ), owed as (
      select line.tenant_id, line.customer_id, line.event_id,
        round(sum(line.amount) / (max(plan.body ->> 'credit_rate'))::numeric, 18) as credits
      from aforo_store.price_lines line
      join aforo_store.plan_versions plan
        on plan.tenant_id = line.tenant_id and plan.plan_id = line.plan_id and plan.version = line.plan_version
      where plan.body ->> 'bill_as' = 'credits' group by 1, 2, 3
    )
    select 'balance of ' || account || ' of ' || customer_id as fault
    from aforo_store.credit_balances held
    full join moved using (tenant_id, customer_id, account)
    where held.input is distinct from moved.input or held.output is distinct from moved.output
    union all
    select 'accounts of ' || customer_id || ' do not add up to zero'
    from aforo_store.credit_balances group by tenant_id, customer_id having sum(input - output) <> 0
    union all
    select 'entry ' || entry_no || ' of ' || customer_id from running
    where place <> entry_no or told <> balance or goes_back
    union all
    select 'entry ' || posting.entry_no || ' of ' || posting.customer_id || ' is taken back more than once'
    from aforo_store.credit_postings posting
    join aforo_store.credit_postings taken on taken.tenant_id = posting.tenant_id
      and taken.customer_id = posting.customer_id and taken.reverses = posting.entry_no
    group by posting.tenant_id, posting.customer_id, posting.entry_no, posting.amount
    having sum(taken.amount) > posting.amount
    union all
    select event_id || ' owes ' || customer_id || ' ' || coalesce(owed.credits, 0) || ', debited '
      || coalesce(debited.credits, 0)
    from owed full join debited using (tenant_id, customer_id, event_id)
    where abs(coalesce(owed.credits, 0) - coalesce(debited.credits, 0)) > 1e-18`)
  return rows.map(({ fault }) => fault)
}
