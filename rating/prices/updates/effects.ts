import type pg from 'pg'
import { assemblyFromDocument } from '../../../core/assembly-document.ts'
import { type Decimal, decimalText, ZERO } from '../../../core/money.ts'
import type { PriceEffect } from '../../../core/price-updates.ts'
import { pagesOf } from '../../../schema/pages.ts'
import { readRated, type StoredRating } from '../../audit/rated-events.ts'
import { readBooked } from '../../booked.ts'
import { type CostedEvent, type EventAdjustments, findAdjustments } from '../../costs/adjust.ts'
import { type BackDatedPrice, deltaOf } from '../../costs/adjustments.ts'
import { readBackDated } from '../../costs/back-dated.ts'
import { settledCosts } from '../../costs/settled-costs.ts'
import type { CatalogueRow } from '../catalogue-book.ts'
import { rowsToRecord } from './apply.ts'
import type { ProposedChange } from './diff.ts'
import { recordCatalogueRows } from './record-rows.ts'

/** Events looked at together. */
const PAGE_EVENTS = 200

const MICROS_PER_MILLI = 1000

/**
 * What approving a back-dated price would adjust, by tenant: the price is put into the book, everything is worked out as
 * it would be, and the book is put back.
 */
export async function previewEffects(
  client: pg.PoolClient,
  proposal: ProposedChange,
  book: readonly CatalogueRow[],
  at: Date,
): Promise<readonly PriceEffect[]> {
  const rows = rowsToRecord(proposal, book, at.toISOString())
  if (rows === null || rows.length === 0) return []
  const sums = new Map<string, { events: number; customers: Set<string>; usd: Decimal }>()
  const before = await readBackDated(client)
  await client.query('savepoint preview')
  const ids = await recordCatalogueRows(client, rows, null, at)
  const { provider, model } = proposal
  const price = { provider, model, proposalId: '0', approver: '', reason: null, ...timeOf(rows, ids, at) }
  for await (const page of adjustedEvents(client, price, [...before, price], at)) {
    for (const { event, adjustments } of page) {
      const sum = sums.get(event.tenantId) ?? { events: 0, customers: new Set(), usd: ZERO }
      sum.events++
      if (event.customer !== null) sum.customers.add(event.customer)
      sum.usd = adjustments.reduce((total, each) => total.plus(deltaOf(each)), sum.usd)
      sums.set(event.tenantId, sum)
    }
  }
  await client.query('rollback to savepoint preview')
  return [...sums]
    .map(([tenant, { events, customers, usd }]) => ({
      tenant,
      events,
      customers: customers.size,
      usd: decimalText(usd),
    }))
    .sort((a, b) => (a.tenant < b.tenant ? -1 : 1))
}

/**
 * What a back-dated price that is in the book adjusts, page by page.
 * @param all every back-dated price, that one among them: it goes on from where earlier ones left
 */
export async function* adjustedEvents(
  client: pg.PoolClient,
  price: BackDatedPrice,
  all: readonly BackDatedPrice[],
  now: Date,
): AsyncGenerator<readonly EventAdjustments[], void, void> {
  for await (const ratings of pagesOf<StoredRating & pg.QueryResultRow>(
    client,
    TOUCHED,
    [price.provider, price.model],
    PAGE_EVENTS,
  )) {
    const page = await readRated(client, ratings)
    const booked = await readBooked(
      client,
      page.map(({ event }) => event),
    )
    const costed = page.map(
      ({ event, rating }): CostedEvent => ({
        event,
        revision: rating.revision,
        assembly: assemblyFromDocument(event.document),
        costs: settledCosts(booked(event).costs),
      }),
    )
    yield await findAdjustments(client, costed, all, now)
  }
}

function timeOf(
  rows: readonly { readonly effectiveFrom: string; readonly effectiveTo: string | null }[],
  ids: readonly string[],
  at: Date,
): Pick<BackDatedPrice, 'priceRowIds' | 'from' | 'to' | 'recordedAt'> {
  const from = rows.map((row) => Date.parse(row.effectiveFrom))
  const to = rows.map((row) => (row.effectiveTo === null ? at.getTime() : Date.parse(row.effectiveTo)))
  return {
    priceRowIds: new Set(ids),
    from: Math.min(...from) * MICROS_PER_MILLI,
    to: Math.max(...to) * MICROS_PER_MILLI,
    recordedAt: at.getTime() * MICROS_PER_MILLI,
  }
}

/** The newest ratings of events with costs of a model, in the order of their keys. */
const TOUCHED = `
  select rating.tenant_id as "tenantId", rating.event_id as "eventId", rating.revision, rating.time::text as time,
    rating.status, rating.unpriced, rating.customer_id as customer, rating.subscription_id::text as "subscriptionId",
    null as "periodStart", rating.plan_id as "planId", rating.plan_version as "planVersion", rating.currency
  from (
    select distinct tenant_id, event_id, time from aforo_store.cost_lines
    where price_row_id in (
      select price_row_id from aforo_store.price_rows where tenant_id = '' and provider = $1 and model in ($2, '*'))
  ) touched
  cross join lateral (
    select * from aforo_store.ratings rating
    where rating.tenant_id = touched.tenant_id and rating.event_id = touched.event_id and rating.time = touched.time
    order by rating.revision desc limit 1) rating
  order by rating.tenant_id, rating.event_id`
