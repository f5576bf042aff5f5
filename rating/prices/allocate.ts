import type pg from 'pg'
import { type Decimal, decimalText, ZERO } from '../../core/money.ts'
import { completeEvents } from '../../schema/completion.ts'
import { transaction } from '../../schema/pool.ts'
import { recordPriceRows } from '../../schema/price-rows.ts'
import { nameOf } from '../name.ts'
import { createFindKeys, type FindKeys } from './match.ts'
import { bundledCatalogue } from './seed.ts'
import { ALLOCATED } from './shares.ts'
import { spread } from './spread.ts'
import {
  costOfWindow,
  type HourlyCostRow,
  readHourlyCosts,
  readParts,
  readShared,
  readWaiting,
  type Window,
  type WindowPart,
} from './windows.ts'

/** A window is spread so long after its end, so that most of what it was used for has come; and not again sooner. */
export const ALLOCATION_GRACE_MS = 300_000
/** Windows of one call. */
const ALLOCATION_WINDOWS_MAX = 100
/** Lines that one window may be spread over; one with more stays unpriced. */
const ALLOCATION_PARTS_MAX = 500_000

const PRICE_SCALE = 15
const AMOUNT_SCALE = 18

/**
 * Spreads what models cost by the hour over the tokens of windows that are closed and have usage without a share: by
 * share of tokens, to the last digit. Late usage spreads its window anew, in new rows; the events whose share changed
 * get a revision with the difference. Doing it again changes nothing. Any number of processes may do it at once.
 *
 * @returns how many windows were spread
 */
export async function allocateDue(
  pool: pg.Pool,
  now: Date,
  partsMax: number = ALLOCATION_PARTS_MAX,
): Promise<number> {
  const findKeys = createFindKeys(await bundledCatalogue())
  const closedBefore = new Date(now.getTime() - ALLOCATION_GRACE_MS)
  const due = await transaction(pool, (client) => readWaiting(client, closedBefore, ALLOCATION_WINDOWS_MAX))
  let done = 0
  for (const window of due) {
    const isDone = await transaction(pool, (client) => allocate(client, window, findKeys, now, partsMax))
    if (isDone) done++
  }
  return done
}

async function allocate(
  client: pg.PoolClient,
  window: Window,
  findKeys: FindKeys,
  now: Date,
  partsMax: number,
): Promise<boolean> {
  const { tenantId } = window
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `aforo allocation ${tenantId}`,
  ])
  const costs = await readHourlyCosts(client, window)
  const parts = await readParts(client, window, partsMax + 1)
  if (parts.length > partsMax) return false
  let isDone = false
  for (const [name, rows] of Map.groupBy(costs, (cost) => nameOf(cost.provider, cost.model))) {
    const own = parts.filter(({ provider, model }) =>
      findKeys({ provider, model, requestModel: null }).some(
        (key) => nameOf(key.provider, key.model) === name,
      ),
    )
    if (own.length > 0 && (await spreadOver(client, window, rows, own, now))) isDone = true
  }
  return isDone
}

async function spreadOver(
  client: pg.PoolClient,
  window: Window,
  costs: readonly HourlyCostRow[],
  parts: readonly WindowPart[],
  now: Date,
): Promise<boolean> {
  const names = [...Map.groupBy(parts, ({ provider, model }) => nameOf(provider, model)).values()]
  const shared = await readShared(
    client,
    window,
    names.map(([first]) => first!),
  )
  if (now.getTime() - shared.latest < ALLOCATION_GRACE_MS || isTheSame(parts, shared.quantities)) return false
  const totals = names.map((own) => own.reduce((sum, { quantity }) => sum.plus(quantity), ZERO))
  const amounts = spread(costOfWindow(costs, window), totals, PRICE_SCALE)
  const about = {
    tenantId: window.tenantId,
    book: 'custom',
    meter: ALLOCATED,
    serviceTier: 'standard',
    region: '',
  }
  const said = { currency: 'USD', feeBasis: 'token', minQuantity: null, roundingQuantity: null }
  const always = {
    contextFrom: '0',
    contextInclusive: false,
    schedule: null,
    derived: true,
    sourceDigest: null,
  }
  const ids = await recordPriceRows(
    client,
    names.map(([first], no) => ({
      ...about,
      ...said,
      ...always,
      provider: first!.provider ?? '',
      model: first!.model,
      unitPrice: decimalText(amounts[no]!),
      per: decimalText(totals[no]!),
      effectiveFrom: new Date(window.start).toISOString(),
      effectiveTo: new Date(window.end).toISOString(),
      source: `hourly:${costs[0]!.customId}`,
    })),
    now,
  )
  for (const [no, own] of names.entries()) await writeShares(client, window, ids[no]!, amounts[no]!, own, now)
  const eventIds = [...new Set([...parts.map(({ eventId }) => eventId), ...shared.eventIds])]
  await completeEvents(client, window.tenantId, { kind: 'events', eventIds }, now)
  return true
}

/** Whether each part has a share of just its quantity, and no share is of anything else. */
function isTheSame(parts: readonly WindowPart[], shares: ReadonlyMap<string, Decimal>): boolean {
  return parts.length === shares.size && parts.every((part) => shares.get(part.name)?.equals(part.quantity))
}

async function writeShares(
  client: pg.PoolClient,
  { tenantId }: Window,
  priceRowId: string,
  amount: Decimal,
  parts: readonly WindowPart[],
  now: Date,
): Promise<void> {
  const amounts = spread(
    amount,
    parts.map(({ quantity }) => quantity),
    AMOUNT_SCALE,
  )
  await client.query(
    `insert into aforo_store.allocation_shares
       (tenant_id, price_row_id, event_id, part, meter, service_tier, quantity, amount, recorded_at)
     select $1, $2, share.*, $9
     from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::numeric[]) as share`,
    [
      tenantId,
      priceRowId,
      parts.map(({ eventId }) => eventId),
      parts.map(({ part }) => part),
      parts.map(({ meter }) => meter),
      parts.map(({ serviceTier }) => serviceTier),
      parts.map(({ quantity }) => decimalText(quantity)),
      amounts.map(decimalText),
      now.toISOString(),
    ],
  )
}
