import type pg from 'pg'
import type { Budget } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import { SESSION_APART_MS_MAX } from '../../core/session.ts'
import type { UnixMillis } from '../../core/time.ts'
import { readSessionStarts } from './session-starts.ts'
import type { AskedSpender } from './spenders.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** The billing period of an instant; milliseconds since 1970. */
export type PeriodOf = (
  instant: number,
  timezone: string,
  anchorDay: number,
) => { readonly start: number; readonly end: number }

/** Of a session of which nobody knows yet when its event began: it is to be asked for again after this. */
export const UNBEGUN_MS = 1_000
/**
 * Nothing that began in the month before is looked for once this one is so old: a trace is in no event of its session that
 * began longer ago.
 */
export const TURN_MS = SESSION_APART_MS_MAX

/** The months that calls of a spender count in. */
export interface SpenderMonths {
  of(scope: Budget['scope']): readonly { readonly start: UnixMillis; readonly end: UnixMillis }[]
  readonly isKnownCustomer: boolean
  /** How long this is so; absent: until a month ends. */
  readonly msValid?: number
}

/** Of an instant, or of now. */
type At = UnixMillis | null

/**
 * Finds of each spender in which months his calls count, as his usage does (`counterPlace`): in that in which the trace began,
 * by what is said or else by what is known of it. Of a session that is this one as well, and where its traces become one event
 * that in which this began, or will have: until it is cut a trace may yet count in either. In the order of the spenders.
 */
export async function readMonths(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly AskedSpender[],
  isMonthly: (spender: AskedSpender) => boolean,
  periodOf: PeriodOf,
  now: Date,
): Promise<readonly SpenderMonths[]> {
  const nowMs = now.getTime()
  const customers = await readCustomers(
    client,
    tenantId,
    spenders.flatMap(({ customer, startedAt }): CustomerAt[] =>
      customer === null
        ? []
        : [{ customer, at: null }, ...(startedAt === undefined ? [] : [{ customer, at: startedAt }])],
    ),
    now,
  )
  const rowOf = (customer: string | null, at: At) =>
    customer === null ? undefined : customers.get(nameOf({ customer, at }))
  const periodAt = (row: CustomerRow | undefined, at: At) =>
    periodOf(at ?? nowMs, row?.timezone ?? 'UTC', row?.anchor_day ?? 1)
  /** Whether a month of his began a short while ago. */
  const isTurn = ({ customer }: AskedSpender) => {
    const row = rowOf(customer, null)
    const begun = [periodAt(row, null).start, periodAt(undefined, null).start, Number(row?.since_ms ?? 0)]
    return begun.some((start) => nowMs - start < TURN_MS)
  }
  const atTurn = spenders.filter((spender) => isMonthly(spender) && isTurn(spender))
  const begun = await readBegun(client, tenantId, atTurn, now)
  const more = [...begun].flatMap(([{ customer }, { trace, session }]): CustomerAt[] =>
    customer === null ? [] : [...trace, ...session].map((at) => ({ customer, at })),
  )
  for (const [name, row] of await readCustomers(client, tenantId, more, now)) customers.set(name, row)
  return spenders.map((spender): SpenderMonths => {
    const { customer } = spender
    const known = begun.get(spender)
    const instants = instantsOf(spender, known)
    return {
      of(scope) {
        const isOfCustomers = (scope.customer ?? null) !== null
        const months = instants.map((at) => periodAt(isOfCustomers ? rowOf(customer, at) : undefined, at))
        return months.filter(({ start }, i) => months.findIndex((month) => month.start === start) === i)
      },
      isKnownCustomer: rowOf(customer, null) !== undefined,
      ...(known?.isUnbegun ? { msValid: UNBEGUN_MS } : {}),
    }
  })
}

function instantsOf({ startedAt, session }: AskedSpender, known: Begun | undefined): readonly At[] {
  const trace: readonly At[] = startedAt === undefined ? (known?.trace ?? []) : [startedAt]
  if (session === null) return trace.length > 0 ? trace : [null]
  return [...trace, null, ...(known?.session ?? [])]
}

/** When something began, as far as its spans tell. */
interface Begun {
  /** The trace, or its event; empty where nothing is known of it. */
  readonly trace: readonly UnixMillis[]
  /** The events of its session that it may be of. */
  readonly session: readonly UnixMillis[]
  /** Nobody knows that of a session whose traces become one event. */
  readonly isUnbegun: boolean
}

async function readBegun(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly AskedSpender[],
  now: Date,
): Promise<ReadonlyMap<AskedSpender, Begun>> {
  const traced = spenders.filter(({ trace, startedAt }) => trace !== null && startedAt === undefined)
  const begins = await readBegins(client, tenantId, new Set(traced.map(({ trace }) => trace!)))
  const beganAt = ({ trace, startedAt }: AskedSpender) => startedAt ?? begins.get(trace ?? '')
  const inSession = spenders.filter(({ session }) => session !== null)
  const starts = await readSessionStarts(
    client,
    inSession.map((spender) => ({
      tenantId,
      session: spender.session!,
      customer: spender.customer,
      product: spender.product,
      at: new Date(beganAt(spender) ?? now).toISOString(),
      spans: 1,
      trace: spender.trace,
    })),
  )
  const startsOf = new Map(inSession.map((spender, i) => [spender, starts[i]!]))
  return new Map(
    spenders.map((spender): [AskedSpender, Begun] => {
      const { isGrouped = false, events = [], open = [] } = startsOf.get(spender) ?? {}
      const at = begins.get(spender.trace ?? '')
      return [
        spender,
        {
          trace: at === undefined ? [] : [at],
          session: [...events, ...open].map((time) => Date.parse(time)),
          isUnbegun: isGrouped && events.length === 0,
        },
      ]
    }),
  )
}

/** When traces, or the events that have them, began. */
async function readBegins(
  client: Queryable,
  tenantId: TenantId,
  traces: ReadonlySet<string>,
): Promise<ReadonlyMap<string, UnixMillis>> {
  if (traces.size === 0) return new Map()
  const { rows } = await client.query<{ trace: string; at: string }>({
    name: 'budget-begun-traces',
    text: `select asked.trace, floor(extract(epoch from coalesce(known.event_time, known.time_from)) * 1000)::text as at
     from unnest($2::text[]) as asked (trace)
     cross join lateral (
       select event_time, time_from from aforo_store.traces known
       where known.tenant_id = $1 and known.trace_id = decode(asked.trace, 'hex') offset 0) known`,
    values: [tenantId, [...traces]],
  })
  return new Map(rows.map(({ trace, at }) => [trace, Number(at)]))
}

interface CustomerAt {
  readonly customer: string
  readonly at: At
}

interface CustomerRow {
  readonly timezone: string | null
  readonly anchor_day: number | null
  /** Since when he is subscribed so; milliseconds. */
  readonly since_ms: string | null
}

/** Names a customer as subscribed at an instant. */
function nameOf({ customer, at }: CustomerAt): string {
  return JSON.stringify([customer, at])
}

/** What customers are subscribed to, each at an instant; without those who are unknown. */
async function readCustomers(
  client: Queryable,
  tenantId: TenantId,
  customers: readonly CustomerAt[],
  now: Date,
): Promise<Map<string, CustomerRow>> {
  const asked = new Map(customers.map((each) => [nameOf(each), each]))
  if (asked.size === 0) return new Map()
  const { rows } = await client.query<CustomerRow & { readonly no: number }>({
    name: 'budget-customers',
    text: `select asked.no::integer as no, subscription.timezone, subscription.anchor_day,
       floor(extract(epoch from subscription.effective_from) * 1000)::text as since_ms
     from unnest($2::text[], $3::timestamptz[]) with ordinality as asked (customer_id, at, no)
     join aforo_store.customers customer
       on customer.tenant_id = $1 and customer.customer_id = asked.customer_id
     left join lateral (
       select timezone, anchor_day, effective_from from aforo_store.subscriptions
       where tenant_id = customer.tenant_id and customer_id = customer.customer_id and effective_from <= asked.at
       order by effective_from desc, recorded_at desc, subscription_id desc limit 1
     ) subscription on true`,
    values: [
      tenantId,
      [...asked.values()].map(({ customer }) => customer),
      [...asked.values()].map(({ at }) => (at === null ? now : new Date(at)).toISOString()),
    ],
  })
  const names = [...asked.keys()]
  return new Map(rows.map((row) => [names[row.no - 1]!, row]))
}
