import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { transaction } from '../../schema/pool.ts'
import { type PriceToRecord, recordPriceRows } from '../../schema/price-rows.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

const JANUARY = '2026-01-01T00:00:00.000Z'
const MARCH = '2026-03-01T00:00:00.000Z'
const JUNE = '2026-06-01T00:00:00.000Z'

const record = (prices: readonly PriceToRecord[], now: string) =>
  transaction(database.pool, (client) => recordPriceRows(client, prices, new Date(now)))

/** `price from..to known since..until`, in the order of recording. */
async function known(): Promise<readonly string[]> {
  const { rows } = await database.pool.query(
    `select trim_scale(unit_price) || ' ' || to_char(effective_from at time zone 'UTC', 'MM') || '..'
         || coalesce(to_char(effective_to at time zone 'UTC', 'MM'), '')
         || ' known ' || to_char(recorded_at at time zone 'UTC', 'MM') || '..'
         || coalesce(to_char(retracted_at at time zone 'UTC', 'MM'), '') as line
     from aforo_store.price_rows order by recorded_at, effective_from, price_row_id`,
  )
  return rows.map((row) => row.line)
}

describe('the price book', () => {
  test('keeps what an overtaken row said before, and what is left of its time', async () => {
    await record([price('1', JANUARY)], JANUARY)
    await record([price('2', MARCH, JUNE)], '2026-02-01T00:00:00Z')
    expect(await known()).toEqual([
      '1 01.. known 01..02',
      '1 01..03 known 02..',
      '2 03..06 known 02..',
      '1 06.. known 02..',
    ])
  })

  test('leaves other tiers, regions, hours and contexts alone', async () => {
    const schedule = { tz: 'UTC', weekdays: [1], from: '01:00', to: '02:00' }
    await record([price('1', JANUARY)], JANUARY)
    await record(
      [
        price('2', JANUARY, null, { serviceTier: 'batch' }),
        price('3', JANUARY, null, { region: 'us' }),
        price('4', JANUARY, null, { schedule }),
        price('5', JANUARY, null, { contextFrom: '200000' }),
        price('6', JANUARY, null, { contextFrom: '200000', contextInclusive: true }),
        price('7', JANUARY, null, { tenantId: 'other', book: 'override' }),
      ],
      MARCH,
    )
    expect((await known()).filter((line) => line.endsWith('..'))).toHaveLength(7)
  })

  test('takes no two prices of one series for one instant, whoever writes them', async () => {
    const contradiction = record([price('1', JANUARY), price('2', MARCH)], JANUARY)
    await expect(contradiction).rejects.toThrow('price_rows_one_at_a_time')
    await record([price('1', JANUARY)], JANUARY)
    await expect(record([price('2', MARCH)], JANUARY)).rejects.toThrow('price_rows_one_at_a_time')
    const byHand = database.pool.query(
      `insert into aforo_store.price_rows
         (tenant_id, book, provider, model, meter, unit_price, per, effective_from, recorded_at, source)
       values ('', 'catalogue', 'p', 'm', 'output', 9, 1, $1, $2, 'test')`,
      [JUNE, MARCH],
    )
    await expect(byHand).rejects.toMatchObject({ code: '23P01' })
    expect(await known()).toEqual(['1 01.. known 01..'])
  })

  test('lets two write of one series at once only one after the other', async () => {
    await record([price('1', JANUARY)], JANUARY)
    const outcomes = await Promise.allSettled(
      [2, 3, 4, 5].map((each) => record([price(`${each}`, MARCH)], `2026-02-0${each}T00:00:00Z`)),
    )
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
    const { rows } = await database.pool.query(
      `select count(*)::int as count from aforo_store.price_rows
       where retracted_at is null and effective_from <= $1 and (effective_to is null or effective_to > $1)`,
      [JUNE],
    )
    expect(rows).toEqual([{ count: 1 }])
  })
})

function price(
  unitPrice: string,
  effectiveFrom: string,
  effectiveTo: string | null = null,
  of: Partial<PriceToRecord> = {},
): PriceToRecord {
  return {
    tenantId: '',
    book: 'catalogue',
    provider: 'p',
    model: 'm',
    meter: 'output',
    serviceTier: 'standard',
    region: '',
    currency: 'USD',
    unitPrice,
    per: '1000000',
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: '0',
    contextInclusive: false,
    schedule: null,
    effectiveFrom,
    effectiveTo,
    derived: false,
    source: 'test',
    sourceDigest: null,
    ...of,
  }
}
