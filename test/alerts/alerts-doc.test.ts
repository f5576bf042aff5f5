import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAYS_MAX, DAYS_MIN } from '../../alerts/anomaly.ts'
import { OPEN_MAX } from '../../alerts/observe/observation.ts'
import { NAMED_MAX } from '../../alerts/tell.ts'
import { ALERT_KIND_NAMES, ALERT_STATES, ALERT_WINDOWS } from '../../core/alert.ts'
import { ALERT_RULES_MAX } from '../../schema/alerts/define.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { blocks } from '../support/shown.ts'

const PAGE = readFileSync('docs/ALERTS.md', 'utf8')
const examples = (language: string) => blocks('docs/ALERTS.md', language)

let api: RunningApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

test.each(examples('json').flatMap((block) => block.trim().split('\n')))(
  '%s is a rule that is taken, and given back as it was written',
  async (text) => {
    const rule = JSON.parse(text)
    const made = await api.put('/v1/alert-rules/example', rule)
    expect(made.body).toMatchObject(rule)
    expect(made.status).toBe(201)
  },
)

test.each(examples('sql'))('%s runs', async (text) => {
  expect((await api.database.pool.query(text)).rows).toEqual([])
})

test('the page names every kind, window and state, and the limits', () => {
  for (const word of [...ALERT_KIND_NAMES, ...ALERT_WINDOWS, ...ALERT_STATES])
    expect(PAGE).toContain(`\`${word}\``)
  const limits = [
    `at most ${ALERT_RULES_MAX} rules`,
    `names ${NAMED_MAX} subjects`,
    `${OPEN_MAX.toLocaleString('en')} subjects`,
    `up to ${DAYS_MAX} days`,
    `fewer than ${DAYS_MIN}`,
  ]
  for (const limit of limits)
    expect(PAGE.replace(/\s+/g, ' ').replaceAll('At most', 'at most')).toContain(limit)
})
