import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { DASHBOARDS } from './dashboards.ts'
import { expand, type Look, sqlstring } from './macros.ts'
import { seed } from './seed.ts'

const FROM = new Date('2026-11-20T00:00:00Z')
const TO = new Date('2026-11-21T00:00:00Z')
/** `''` is the dashboard's own word for all. */
const ALL = { customer: "''", model: "''" }
const ONE = { customer: sqlstring('acme', "o'brien"), model: sqlstring('claude-sonnet-4-5') }
/** What waits to be billed is everybody's concern, and the view of budgets does not say whose a counter is. */
const OF_EVERYBODY = ['Open exceptions', 'Budgets used up', 'Budgets']
/** PostgreSQL's numeric, bigint, integer, double precision. */
const NUMBERS = [1700, 20, 23, 701]
const TIMESTAMPTZ = 1184

let database: TestDatabase
let grafana: pg.PoolClient
let hasTimescale: boolean

beforeAll(async () => {
  database = await testDatabase()
  await seed(database.pool, FROM)
  const { rows } = await database.pool.query("select from pg_extension where extname = 'timescaledb'")
  hasTimescale = rows.length > 0
  grafana = await database.pool.connect()
  // Not `set role`: the views ask who logged in.
  await grafana.query('set session authorization aforo_grafana')
})

afterAll(async () => {
  grafana?.release(true)
  await database?.drop()
})

describe.each(DASHBOARDS)('%s', (_file, { panels, templating }) => {
  const targets = panels.flatMap(({ title, targets: list, fieldConfig }) =>
    list.map((target) => ({
      title,
      named: fieldConfig.overrides.map(({ matcher }) => matcher.options),
      ...target,
    })),
  )

  test.each(targets)('$title answers as Grafana needs it', async ({ rawSql, format, named }) => {
    for (const timescaledb of hasTimescale ? [true, false] : [false]) {
      const { fields, rows } = await look(rawSql, { timescaledb, variables: ALL })
      expect(rows.length).toBeGreaterThan(0)
      expect(fields.map(({ name }) => name)).toEqual(expect.arrayContaining([...named]))
      if (format === 'time_series') {
        expect(fields[0]!.name).toBe('time')
        expect([TIMESTAMPTZ, ...NUMBERS]).toContain(fields[0]!.dataTypeID)
        for (const field of fields.slice(1)) expect(NUMBERS, field.name).toContain(field.dataTypeID)
        expect(fields.length).toBeGreaterThan(1)
      }
    }
  })

  test.each(targets)('$title obeys the variables', async ({ rawSql, title }) => {
    const variables = { customer: sqlstring('nobody'), model: sqlstring('no-model') }
    const { rows } = await look(rawSql, { variables })
    const empty =
      rows.length === 0 || Object.values(rows[0] as object).every((v) => v === null || Number(v) === 0)
    expect(empty).toBe(!OF_EVERYBODY.includes(title))
    await look(rawSql, { variables: ONE })
  })

  test.each(templating.list)('variable $name lists what there is', async ({ query, allValue, name }) => {
    const { rows, fields } = await look(query, {})
    expect(fields.length).toBe(1)
    expect(rows.length).toBeGreaterThan(1)
    expect(allValue).toBe(ALL[name as keyof typeof ALL])
  })
})

const MARGIN = 'aforo-margin.json'
const BILLING = 'aforo-billing.json'

test('the numbers are those of the rows, of one tenant, corrections included', async () => {
  expect(Number(await value(MARGIN, 'Billed events'))).toBe(2)
  expect(Number(await value(MARGIN, 'Events not billed'))).toBe(1)
  expect(Number(await value(MARGIN, 'Open exceptions'))).toBe(1)
  expect(Number(await value(MARGIN, 'Revenue'))).toBe(0.1)
  // A back-dated price made 0.04 dearer by 0.005.
  expect(Number(await value(MARGIN, 'COGS'))).toBe(0.045)
  // One call has no known cost: a margin would be a guess.
  expect(await value(MARGIN, 'Margin')).toBeNull()
})

test.each([
  ['Margin by customer', 'Customer', { acme: 55, '(none)': null }],
  ['Margin by customer and model', 'Model', { 'claude-sonnet-4-5': 55, 'model-of-tomorrow': null }],
])('%s tells margins where every cost is known', async (title, column, margins) => {
  const rows = await table(MARGIN, title)
  const shown = rows.map((row) => [row[column], row['Margin %'] === null ? null : Number(row['Margin %'])])
  expect(Object.fromEntries(shown)).toEqual(margins)
})

test('alerts, budgets, wallets and invoices are those of one tenant', async () => {
  expect(Number(await value(BILLING, 'Alerts open'))).toBe(1)
  expect(Number(await value(BILLING, 'Budgets used up'))).toBe(1)
  expect(Number(await value(BILLING, 'Credits used'))).toBe(11)
  expect(Number(await value(BILLING, 'Overage'))).toBe(2)
  expect(Number(await value(BILLING, 'Calls without usage'))).toBe(0.25)
  const [alert] = await table(BILLING, 'Alerts')
  expect(alert).toMatchObject({ State: 'block', Rule: 'quotas', Customer: 'acme' })
  const [wallet, ...others] = await table(BILLING, 'Wallets')
  expect(wallet).toMatchObject({ Customer: 'acme', Balance: '1.000000000000000000' })
  expect(others).toEqual([])
  const invoices = await table(BILLING, 'Invoices')
  expect(invoices.map((row) => [row.Number, row.Status, Number(row.Due)])).toEqual([
    ['(draft)', 'draft', 0.1],
  ])
})

async function look(
  rawSql: string,
  changes: Partial<Look>,
): Promise<pg.QueryResult<Record<string, unknown>>> {
  const timescaledb = hasTimescale
  return grafana.query(
    expand(rawSql, { from: FROM, to: TO, interval: '5m', timescaledb, variables: ALL, ...changes }),
  )
}

async function table(file: string, title: string): Promise<Record<string, unknown>[]> {
  const [, dashboard] = DASHBOARDS.find(([name]) => name === file)!
  const panel = dashboard.panels.find((each) => each.title === title)!
  return (await look(panel.targets[0]!.rawSql, { variables: ALL })).rows
}

/** The one number of a panel. */
async function value(file: string, title: string): Promise<string | null> {
  const [row] = await table(file, title)
  return Object.values(row as object)[0] as string | null
}
