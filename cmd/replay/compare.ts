import type pg from 'pg'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import type { Plan, PlanMeter } from '../../core/plan.ts'
import { firstUnlike } from '../../core/unlike.ts'
import { pagesOf } from '../../schema/pages.ts'
import { COMPARED } from './compared.ts'

/** What came of comparing one table. */
export interface Comparison {
  readonly name: string
  readonly rows: number
  readonly differenceCount: number
  /** The first of them, in words. */
  readonly differences: readonly string[]
  /** Rows that say the same but for what single events of a period were charged: they were charged in another order. */
  readonly reordered: number
}

/** Differences of a table that are told; the others are only counted. */
export const DIFFERENCES_TOLD_MAX = 20

const PAGE_ROWS = 2_000

interface ComparedRow {
  readonly key: string
  readonly value: string
  readonly charges: string
  readonly ordered: boolean
  readonly assembly?: unknown
}

/** Compares two databases table by table, each in a transaction; both sides are read in one order, page by page. */
export async function compareBooks(
  source: pg.PoolClient,
  target: pg.PoolClient,
): Promise<readonly Comparison[]> {
  const meters = JSON.stringify(await orderedMeters(source))
  const comparisons: Comparison[] = []
  for (const { name, text } of COMPARED) {
    const values = text.includes('$1') ? [meters] : []
    comparisons.push(await compareRows(name, rowsOf(source, text, values), rowsOf(target, text, values)))
  }
  return comparisons
}

async function* rowsOf(
  client: pg.PoolClient,
  text: string,
  values: readonly unknown[],
): AsyncGenerator<ComparedRow, void, void> {
  const sorted = `select * from (${text}) compared order by key collate "C"`
  for await (const rows of pagesOf<ComparedRow & pg.QueryResultRow>(client, sorted, values, PAGE_ROWS))
    yield* rows
}

async function compareRows(
  name: string,
  source: AsyncGenerator<ComparedRow, void, void>,
  target: AsyncGenerator<ComparedRow, void, void>,
): Promise<Comparison> {
  let rows = 0
  let reordered = 0
  let differenceCount = 0
  const differences: string[] = []
  const differ = (words: string) => {
    differenceCount++
    if (differences.length < DIFFERENCES_TOLD_MAX) differences.push(words)
  }
  let was = await source.next()
  let is = await target.next()
  while (!was.done || !is.done) {
    // Not by locale: the server sorts by bytes of UTF-8, whose order is that of code points.
    const order = was.done ? 1 : is.done ? -1 : compareBytes(was.value.key, is.value.key)
    if (order < 0) differ(`${was.value!.key}: is ${told(was.value!)}, and is not there when replayed`)
    else if (order > 0) differ(`${is.value!.key}: is not there, and is ${told(is.value!)} when replayed`)
    else {
      const [before, after] = [was.value!, is.value!]
      if (before.value !== after.value || (before.charges !== after.charges && !before.ordered)) {
        differ(`${before.key}: is ${told(before)}, and is ${told(after)} when replayed`)
      } else {
        if (before.charges !== after.charges) reordered++
        const unlike = assemblyUnlike(before.assembly, after.assembly)
        if (unlike !== null) differ(`${before.key}: ${unlike} when replayed`)
      }
    }
    rows++
    if (order <= 0) was = await source.next()
    if (order >= 0) is = await target.next()
  }
  return { name, rows, differenceCount, differences, reordered }
}

/** However it is packed, and whatever the order of its spans' ids. */
function assemblyUnlike(before: unknown, after: unknown): string | null {
  if (before === undefined || after === undefined) return null
  const [was, is] = [before, after].map((stored) => {
    const document = unpackAssembly(stored)
    return { ...document, spanIds: document.spanIds.toSorted() }
  })
  return firstUnlike(is, was, 'assembly')
}

function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function told({ value, charges }: ComparedRow): string {
  return `(${charges === '' ? value : `${value} ${charges}`})`
}

interface MeterRef {
  readonly tenant_id: string
  readonly plan_id: string
  readonly plan_version: number
  readonly meter_no: number
}

/** The meters of all plans by which the charge of an event depends on what was charged before it. */
async function orderedMeters(client: pg.PoolClient): Promise<readonly MeterRef[]> {
  const { rows } = await client.query<{ tenant_id: string; plan_id: string; version: number; body: Plan }>(
    'select tenant_id, plan_id, version, body from aforo_store.plan_versions',
  )
  return rows.flatMap(({ tenant_id, plan_id, version, body }) =>
    body.meters.flatMap((meter, meter_no) =>
      isOrdered(body, meter) ? [{ tenant_id, plan_id, plan_version: version, meter_no }] : [],
    ),
  )
}

/** Any price but so much for each unit. One of these, too, where rounding to the tables' last digit may fall elsewhere. */
function isOrdered(plan: Plan, meter: PlanMeter): boolean {
  const isFree =
    meter.included !== undefined || plan.included?.some((each) => each.meter === meter.meter) === true
  switch (meter.model) {
    case 'per_unit':
      return isFree || (meter.rounding ?? 'none') !== 'none' || !isDecimal(meter.per ?? '1')
    default:
      // A mark-up of a cost with 18 digits is rounded too.
      return true
  }
}

/** A power of ten: no quotient by it is rounded. */
function isDecimal(per: string): boolean {
  return /^(10*|0?\.0*1)0*$/.test(per)
}
