import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applyFile } from '../../api/apply/apply.ts'
import { APPLY_KINDS } from '../../api/apply/kinds.ts'
import { APPLY_BYTES_MAX, APPLY_ITEMS_MAX } from '../../api/apply/read.ts'
import { invoicing } from '../../cmd/invoicing.ts'
import { periodOf } from '../../rating/period.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { quote } from '../../rating/plans/quote.ts'
import { createPriceUpdates } from '../../rating/prices/updates/price-updates.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const pricing = { parsePlan, quote, periodOf }
const NOW = new Date('2026-11-27T12:00:00Z')

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

const prices = createPriceUpdates({ source: '', against: '' })
const apply = (text: string, now = NOW) =>
  applyFile(database.pool, 'default', text, { pricing, prices, invoicing, now })
const example = () => readFile(new URL('../../docs/examples/aforo.yaml', import.meta.url), 'utf8')

/** Every row of every table that a file may write to. */
async function everything(): Promise<unknown> {
  const { rows: tables } = await database.pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'aforo_store' order by 1`,
  )
  const found: [string, unknown][] = []
  for (const { name } of tables) {
    const { rows } = await database.pool.query(`select t::text as row from aforo_store.${name} t order by 1`)
    if (rows.length > 0) found.push([name, rows.map(({ row }) => row)])
  }
  return found
}

test('the example is applied once, and a second time changes nothing', async () => {
  const first = await apply(await example())
  // Settings are there always.
  expect(first.map(({ did }) => did)).toEqual(
    first.map(({ kind }) => (kind === 'settings' ? 'changed' : 'made')),
  )
  const kinds = new Set(first.map(({ kind }) => kind))
  expect([...kinds], 'the example has something of each kind').toEqual(APPLY_KINDS.map(({ name }) => name))
  expect(first.find(({ kind }) => kind === 'webhooks')).toMatchObject({ answer: { secret: /^whsec_/ } })
  const before = await everything()
  const second = await apply(await example(), new Date('2027-03-01T00:00:00Z'))
  expect(second.map(({ did }) => did)).toEqual(first.map(() => 'unchanged'))
  expect(await everything()).toEqual(before)
})

test('what differs is changed, and what is not named stays', async () => {
  await apply(await example())
  const text = `
customers:
  acme: { name: Acme Inc. }
  globex: {}
plans:
  cost-plus: { currency: USD, meters: [{ meter: cogs, model: cost_plus, markup_pct: "50" }], from: 2026-12-01T00:00:00Z }
`
  const told = async (now: Date) =>
    (await apply(text, now)).map(({ kind, key, did }) => `${kind}/${key} ${did}`)
  expect(await told(NOW)).toEqual([
    'plans/cost-plus changed',
    'customers/acme changed',
    'customers/globex unchanged',
  ])
  // The instant is past by now, and says what is there already.
  expect(await told(new Date('2026-12-24T00:00:00Z'))).toEqual([
    'plans/cost-plus unchanged',
    'customers/acme unchanged',
    'customers/globex unchanged',
  ])
})

test('rates of a currency are one or a list; more of them, and others in their place, are told again', async () => {
  const rates = async () =>
    (
      await database.pool.query(
        `select trim_scale(usd)::text || ' from ' || to_char(effective_from at time zone 'UTC', 'YYYY-MM') ||
           coalesce(' to ' || to_char(effective_to at time zone 'UTC', 'YYYY-MM'), '') as rate
         from aforo_store.fx_rates where retracted_at is null order by effective_from`,
      )
    ).rows.map(({ rate }) => rate)
  const file = (...list: readonly (readonly [string, string])[]) =>
    `fx:\n  EUR: [${list.map(([usd, month]) => `{ usd: "${usd}", effective_from: ${month}-01T00:00:00Z }`).join(', ')}]`
  const did = async (text: string, day: number) =>
    (await apply(text, new Date(Date.UTC(2026, 10, day)))).map((each) => each.did)
  const two = [
    ['1.05', '2026-01'],
    ['1.1', '2026-07'],
  ] as const
  expect(await did(file(...two), 1)).toEqual(['made', 'made'])
  expect(await rates()).toEqual(['1.05 from 2026-01 to 2026-07', '1.1 from 2026-07'])
  expect(await did(file(...two), 2)).toEqual(['unchanged', 'unchanged'])
  expect(await did('fx:\n  EUR: { usd: "1.1", effective_from: 2026-07-01T00:00:00Z }', 3)).toEqual([
    'unchanged',
  ])
  expect(await did(file(['1.05', '2026-01'], ['1.2', '2026-07'], ['1.3', '2026-09']), 4)).toEqual([
    'unchanged',
    'made',
    'made',
  ])
  expect(await rates()).toEqual([
    '1.05 from 2026-01 to 2026-07',
    '1.2 from 2026-07 to 2026-09',
    '1.3 from 2026-09',
  ])
})

test('what changes is told before and after, and a dry run writes nothing', async () => {
  const seller = (days: number) =>
    `settings: { seller: { name: Ltd, payment_days: ${days} } }\ncustomers: { acme: { name: Acme ${days} } }\n`
  const dry = () =>
    applyFile(database.pool, 'default', seller(7), { pricing, prices, invoicing, now: NOW, dryRun: true })
  const empty = await everything()
  expect(await dry()).toMatchObject([{ did: 'changed' }, { did: 'made', key: 'acme' }])
  expect(await everything()).toEqual(empty)
  await apply(seller(30))
  const before = await everything()
  const changes = [
    {
      kind: 'settings',
      key: '',
      did: 'changed',
      changes: [{ path: '/seller/payment_days', before: 30, after: 7 }],
    },
    { did: 'changed', changes: [{ path: '/name', before: 'Acme 30', after: 'Acme 7' }] },
  ]
  expect(await dry()).toMatchObject(changes)
  expect(await everything()).toEqual(before)
  expect(await apply(seller(7))).toMatchObject(changes)
  expect((await apply(seller(7), new Date('2027-01-01T00:00:00Z'))).map(({ did }) => did)).toEqual([
    'unchanged',
    'unchanged',
  ])
})

describe('faults are told together, by line and path, and nothing is written', () => {
  const refused: readonly (readonly [string, string, readonly string[]])[] = [
    ['no YAML', 'plans:\n  a: [1\n', ['line 3']],
    ['a list', '- a\n', ['/']],
    ['an unknown kind', 'plan:\n  a: {}\n', ['line 2, /plan']],
    ['a kind that is no map', 'customers: [acme]\n', ['line 1, /customers']],
    [
      'settings that are none',
      'settings: { seller: { payment_days: 400 }, colour: red }\n',
      ['line 1, /settings/seller/payment_days', 'line 1, /settings/colour'],
    ],
    ['an entry that is no map', 'customers:\n  acme: Acme\n', ['line 2, /customers/acme']],
    [
      'fields of several',
      `customers:
  acme: {}
  "line\\nbreak": {}
plans:
  good: { currency: USD, meters: [] }
  bad:
    currency: USD
    meters:
      - { meter: input_tokens, model: per_unit, unit_price: 0.003 }
      - { meter: nothing }
subscriptions:
  acme:
    - { plan: good, from: 2026-01-01T00:00:00Z, anchor_day: 32 }
    - { plan: missing, from: 2026-01-01T00:00:00Z }
prices:
  x: { model: m, meter: output, unit_price: "1", colour: red }
`,
      [
        'line 9, /plans/bad/meters/0/unit_price',
        'line 10, /plans/bad/meters/1/model',
        'line 3, /customers/line\nbreak',
        'line 13, /subscriptions/acme/0/anchor_day',
        'line 14, /subscriptions/acme/1',
        'line 16, /prices/x/colour',
      ],
    ],
    [
      'a version in the past',
      'plans:\n  a:\n    currency: USD\n    meters: []\n    from: 2026-01-01T00:00:00Z\n',
      ['line 5, /plans/a/from'],
    ],
  ]

  test.each(refused)('%s', async (_what, text, paths) => {
    const before = await everything()
    const error = await apply(text).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'invalid_argument' })
    const { faults } = error as { faults: readonly { path: string }[] }
    expect(faults.map(({ path }) => path)).toEqual(paths)
    expect(await everything()).toEqual(before)
  })

  test('so are entries and characters beyond the bounds', async () => {
    const customers = (count: number) =>
      `customers:\n${Array.from({ length: count }, (_, no) => `  c${no}:\n`).join('')}`
    await expect(apply(customers(APPLY_ITEMS_MAX + 1))).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(apply(`#${'x'.repeat(APPLY_BYTES_MAX)}`)).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(await apply(customers(APPLY_ITEMS_MAX))).toHaveLength(APPLY_ITEMS_MAX)
  })
})
