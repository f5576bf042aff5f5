import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BUDGET_UNITS, BUDGET_WINDOWS } from '../../core/budget.ts'
import { BUDGETS_MAX } from '../../schema/budgets/define.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { blocks } from '../support/shown.ts'

const PAGE = readFileSync('docs/BUDGETS.md', 'utf8')
const examples = (language: string) => blocks('docs/BUDGETS.md', language)

let api: RunningApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

test.each(examples('json'))(
  '%s is a budget that is taken, and given back as it was written',
  async (text) => {
    const budget = JSON.parse(text)
    const made = await api.put('/v1/budgets/example', budget)
    expect(made.body).toMatchObject(budget)
    expect(made.status).toBe(201)
  },
)

test.each(examples('sql'))('%s runs', async (text) => {
  expect((await api.database.pool.query(text)).rows).toEqual([])
})

test('the page names every unit and window, and how many budgets there may be', () => {
  for (const word of [...BUDGET_UNITS, ...BUDGET_WINDOWS]) expect(PAGE).toContain(`\`${word}\``)
  expect(PAGE).toContain(BUDGETS_MAX.toLocaleString('en'))
})
