import type pg from 'pg'
import { scaledText } from '../../core/scaled.ts'
import type { BookHold, BookLease } from './lease-book.ts'
import { cameMeanwhile, type HoldOrigin, type LockedBook, stateOf } from './lease-rows.ts'
import { columnsOf } from './standings.ts'

/**
 * Writes what was changed of a book.
 * @param originOf of holds that are new
 */
export async function writeBook(
  client: pg.ClientBase,
  book: LockedBook,
  originOf: (holdId: string) => HoldOrigin,
  now: Date,
): Promise<void> {
  await writeCounters(client, book)
  await writeLeases(client, book, now)
  const changed = [...book.holds.values()].filter(
    (hold) => book.before.holds.get(hold.holdId) !== stateOf(hold),
  )
  await writeHolds(client, book, changed, originOf, now)
}

/** The rows are locked, so the place that is looked up by the key is where they are when they are written. */
async function writeCounters(client: pg.ClientBase, book: LockedBook): Promise<void> {
  const changed = [...book.counters.values()].filter(
    ({ name, leased }) => book.before.leased.get(name) !== leased,
  )
  if (changed.length === 0) return
  await client.query({
    name: 'budget-write-leased',
    text: `update aforo_store.budget_counters counter set leased = said.leased, changed_tx = pg_current_xact_id()
     from (
       select place, leased
       from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[], $6::numeric[])
         as said (budget_id, counting_version, subject, window_start, leased)
       cross join lateral (
         select ctid as place from aforo_store.budget_counters
         where tenant_id = $1 and budget_id = said.budget_id and counting_version = said.counting_version
           and subject = said.subject and window_start = said.window_start offset 0) locked) said
     where counter.ctid = said.place`,
    values: [
      book.tenantId,
      changed.map(({ key }) => key.budgetId),
      changed.map(({ key }) => key.counting),
      changed.map(({ key }) => key.subject),
      changed.map(({ key }) => key.windowStart),
      changed.map(({ leased }) => scaledText(leased)),
    ],
  })
}

async function writeLeases(client: pg.ClientBase, book: LockedBook, now: Date): Promise<void> {
  const changed = [...book.leases].filter(([name, lease]) => book.before.leases.get(name) !== stateOf(lease))
  if (changed.length > 0) {
    const rows = changed.map(([, lease]) => ({ ...lease, key: book.counters.get(lease.counter)!.key }))
    await client.query({
      name: 'budget-write-leases',
      text: `insert into aforo_store.budget_leases (tenant_id, budget_id, counting_version, subject, window_start,
         sidecar_id, lease_id, amount, seq, granted_at, expires_at)
       select $1, budget_id, counting_version, subject, window_start, sidecar_id, lease_id, amount, seq, $10,
         to_timestamp(expires_at / 1000.0)
       from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::numeric[],
         $9::bigint[], $11::bigint[])
         as said (budget_id, counting_version, subject, window_start, sidecar_id, lease_id, amount, seq, expires_at)
       on conflict (tenant_id, budget_id, counting_version, subject, window_start, sidecar_id) do update
         set lease_id = excluded.lease_id, amount = excluded.amount, seq = excluded.seq,
           granted_at = excluded.granted_at, expires_at = excluded.expires_at`,
      values: [
        book.tenantId,
        rows.map(({ key }) => key.budgetId),
        rows.map(({ key }) => key.counting),
        rows.map(({ key }) => key.subject),
        rows.map(({ key }) => key.windowStart),
        rows.map((row) => row.sidecarId),
        rows.map((row) => row.leaseId),
        rows.map((row) => scaledText(row.amount)),
        rows.map((row) => row.seq),
        now.toISOString(),
        rows.map((row) => Math.round(row.expiresAt)),
      ],
    })
  }
  const gone = [...book.before.leases.keys()].filter((name) => !book.leases.has(name))
  if (gone.length === 0) return
  const leases = gone.map((name) => JSON.parse(book.before.leases.get(name)!) as BookLease)
  const keys = leases.map(({ counter }) => book.counters.get(counter)!.key)
  await client.query({
    name: 'budget-delete-leases',
    text: `delete from aforo_store.budget_leases lease
     using unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[], $6::text[])
       as gone (budget_id, counting_version, subject, window_start, sidecar_id)
     cross join lateral (
       select ctid as place from aforo_store.budget_leases
       where tenant_id = $1 and budget_id = gone.budget_id and counting_version = gone.counting_version
         and subject = gone.subject and window_start = gone.window_start and sidecar_id = gone.sidecar_id
       offset 0) locked
     where lease.ctid = locked.place`,
    values: [book.tenantId, ...columnsOf(keys), leases.map(({ sidecarId }) => sidecarId)],
  })
}

async function writeHolds(
  client: pg.ClientBase,
  book: LockedBook,
  holds: readonly BookHold[],
  originOf: (holdId: string) => HoldOrigin,
  now: Date,
): Promise<void> {
  if (holds.length === 0) return
  const origins = holds.map((hold) => originOf(hold.holdId))
  const { rowCount } = await client.query({
    name: 'budget-write-holds',
    text: `insert into aforo_store.budget_holds as known (tenant_id, hold_id, sidecar_id, customer_id, product_id, agent,
       session_id, trace_id, model, held_by, state, settled_by, late, card, of_work, actual, told, opened_at, expires_at, changed_at,
       holding)
     select $1, said.hold_id, sidecar_id, customer, product, agent, session, trace, model, held_by, state, settled_by,
       late, card, of_work, actual, told, $2, to_timestamp(expires_at / 1000.0), $2, holding
     from jsonb_to_recordset($3::jsonb) as said (hold_id text, sidecar_id text, customer text, product text, agent text,
       session text, trace text, model text, held_by text, state text, settled_by text, late boolean, card jsonb,
       of_work boolean, actual jsonb, told jsonb, expires_at bigint, holding boolean)
     order by said.hold_id
     on conflict (tenant_id, hold_id) do update
       set sidecar_id = coalesce(known.sidecar_id, excluded.sidecar_id),
         customer_id = coalesce(known.customer_id, excluded.customer_id),
         product_id = coalesce(known.product_id, excluded.product_id), agent = coalesce(known.agent, excluded.agent),
         session_id = coalesce(known.session_id, excluded.session_id),
         trace_id = coalesce(known.trace_id, excluded.trace_id), model = coalesce(known.model, excluded.model),
         held_by = case when known.sidecar_id is null then excluded.held_by else known.held_by end,
         state = excluded.state, settled_by = excluded.settled_by, late = excluded.late, card = excluded.card,
         of_work = excluded.of_work, actual = excluded.actual, told = excluded.told, expires_at = excluded.expires_at, changed_at = excluded.changed_at,
         holding = excluded.holding
       where known.hold_id = any($4)`,
    values: [
      book.tenantId,
      now.toISOString(),
      JSON.stringify(
        holds.map((hold, i) => ({
          hold_id: hold.holdId,
          sidecar_id: origins[i]!.sidecarId,
          ...origins[i]!.spender,
          model: origins[i]!.model,
          held_by: origins[i]!.heldBy,
          state: hold.state,
          settled_by: hold.settledBy,
          late: hold.late,
          card: hold.card,
          of_work: hold.isWork,
          actual: hold.actual,
          told: hold.told,
          expires_at: Math.round(hold.expiresAt),
          holding: hold.state === 'active' || hold.takes.some(({ held }) => held > 0n),
        })),
      ),
      [...book.before.holds.keys()],
    ],
  })
  if (rowCount !== holds.length) throw cameMeanwhile()
  const takes = holds.flatMap((hold) => hold.takes.map((take) => ({ hold, take })))
  if (takes.length === 0) return
  await client.query({
    name: 'budget-write-takes',
    text: `insert into aforo_store.budget_hold_takes (tenant_id, hold_id, budget_id, counting_version, subject, window_start,
       unit, taken, held, over)
     select $1, * from unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[], $7::text[],
       $8::numeric[], $9::numeric[], $10::numeric[])
     on conflict (tenant_id, hold_id, budget_id, counting_version, subject, window_start) do update
       set held = excluded.held, over = excluded.over`,
    values: [
      book.tenantId,
      takes.map(({ hold }) => hold.holdId),
      takes.map(({ take }) => book.counters.get(take.counter)!.key.budgetId),
      takes.map(({ take }) => book.counters.get(take.counter)!.key.counting),
      takes.map(({ take }) => book.counters.get(take.counter)!.key.subject),
      takes.map(({ take }) => book.counters.get(take.counter)!.key.windowStart),
      takes.map(({ take }) => take.unit),
      takes.map(({ take }) => scaledText(take.taken)),
      takes.map(({ take }) => scaledText(take.held)),
      takes.map(({ hold, take }) => scaledText(hold.over[take.counter] ?? 0n)),
    ],
  })
}
