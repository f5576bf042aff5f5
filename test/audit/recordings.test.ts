import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { reportLines } from '../../cmd/audit.ts'
import { comparisonLines, replayAndCompare } from '../../cmd/replay.ts'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { compileKeys } from '../../receiver/decode/keys.ts'
import { decodeProtobuf } from '../../receiver/decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from '../../receiver/dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../../receiver/dialects/keys.ts'
import { toUsage } from '../../receiver/dialects/normalise.ts'
import { isWorthKeeping } from '../../receiver/dialects/worth.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { noon } from '../support/usages.ts'
import { openBooks } from './books.ts'

const FOLDER = new URL('../recordings/', import.meta.url)
const KEY_TABLE = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)

let db: TestDatabase
let to: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
  to = await testDatabase()
})
afterAll(async () => {
  await db.drop()
  await to.drop()
})

/** What clients sent, in two halves: the second comes after the first was cut. */
it('books of real clients have no gap and replay the same', async () => {
  await seedPriceBook(db.pool, noon(-3_600))
  const books = openBooks(db.pool)
  const requests = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.bin'))
    .map((name) => usagesOf(readFileSync(new URL(name, FOLDER))))
  const halves = [0, 1].map((half) => requests.flatMap((usages) => usages.filter((_, no) => no % 2 === half)))
  for (const [no, usages] of halves.entries()) {
    await books.push(no * 60, ...usages)
    for (let seconds = 31; seconds < 35; seconds++) {
      while ((await books.cut(no * 60 + seconds)) > 0) {
        // One transaction each.
      }
      await books.rate(no * 60 + seconds)
    }
  }
  const { rows } = await db.pool.query(
    'select count(*)::int as count, max(revision) as newest from aforo_store.events',
  )
  expect(rows[0].count).toBeGreaterThan(100)
  expect(rows[0].newest).toBeGreaterThan(0)
  const report = await auditAll(db.url, { tenantId: null, from: '-infinity', to: 'infinity' }, noon(200))
  expect(reportLines(report).filter((line) => /^(gap|pending: \d+ (traces due|rev))/.test(line))).toEqual([])
  const { comparisons } = await replayAndCompare(db.pool, to.pool, SILENT)
  expect(comparisonLines(comparisons).filter((line) => line.startsWith('difference'))).toEqual([])
})

function usagesOf(body: Buffer): readonly Usage[] {
  const batch = decodeProtobuf(body, KEY_TABLE)
  const usages: Usage[] = []
  for (let no = 0; no < batch.length; no++) {
    const span = batch.span(no)
    const usage = toUsage(span, DEFAULT_ATTRIBUTION)
    if (isWorthKeeping(usage, span)) usages.push(usage)
  }
  return usages
}
