import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditHalf, HALVES } from '../../cmd/audit/halves.ts'
import { auditAll } from '../../cmd/audit/run.ts'
import { reportLines } from '../../cmd/audit.ts'
import { type AuditCheck, AuditReport } from '../../core/audit.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { noon } from '../support/usages.ts'
import { ALERT_CORRUPTIONS } from './alert-corruptions.ts'
import { fillBooks } from './books.ts'
import { CORRUPTIONS } from './corruptions.ts'
import { invoiceBooks } from './invoice-books.ts'
import { INVOICE_CORRUPTIONS } from './invoice-corruptions.ts'
import { leaseBooks } from './lease-books.ts'
import { LEASE_CORRUPTIONS } from './lease-corruptions.ts'
import { SESSION_CORRUPTIONS } from './session-corruptions.ts'
import { TIME_CORRUPTIONS } from './time-corruptions.ts'

const ALL = { tenantId: null, from: '-infinity', to: 'infinity' }

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
  await fillBooks(db.pool)
  await invoiceBooks(db.pool)
  await leaseBooks(db.pool, noon(60))
})
afterAll(() => db.drop())

/** Changes the books, audits them, and takes the change back. */
async function auditAfter(...changes: readonly string[]): Promise<AuditReport> {
  const client: pg.PoolClient = await db.pool.connect()
  try {
    await client.query('begin')
    for (const change of changes) {
      const { rowCount } = await client.query(change)
      expect(rowCount, change).toBeGreaterThan(0)
    }
    const report = new AuditReport()
    for (const half of HALVES) report.add((await auditHalf(half, [client, client], ALL, noon(60))).plain)
    return report
  } finally {
    await client.query('rollback')
    client.release()
  }
}

function gapsOf(report: AuditReport): readonly (readonly [AuditCheck, string, string])[] {
  return report.results.flatMap(({ check, result }) =>
    result.gaps.map(({ kind, id }) => [check, kind, id] as const),
  )
}

it('finds nothing in books that nobody touched, and tells what is not settled yet', async () => {
  const report = await auditAll(db.url, ALL, noon(60))
  expect(reportLines(report).filter((line) => line.startsWith('gap'))).toEqual([])
  expect(report.gapCount).toBe(0)
  expect(report.pendings).toEqual(
    new Map([
      ['traces due', 1],
      ['revisions to be rated', 1],
    ]),
  )
  for (const { check, result } of report.results) expect([check, result.rows > 0]).toEqual([check, true])
})

it('looks at one tenant or a part of the time where that is asked for', async () => {
  const other = await auditAll(db.url, { ...ALL, tenantId: 'other' }, noon(60))
  const before = await auditAll(db.url, { ...ALL, to: '2026-11-23T00:00:00Z' }, noon(60))
  for (const report of [other, before]) {
    expect(report.gapCount).toBe(0)
    expect(report.results.find(({ check }) => check === 'assembly')!.result.rows).toBe(0)
  }
})

describe('a row that is changed behind Aforo’s back is named', () => {
  it.each([
    ...CORRUPTIONS,
    ...SESSION_CORRUPTIONS,
    ...TIME_CORRUPTIONS,
    ...INVOICE_CORRUPTIONS,
    ...LEASE_CORRUPTIONS,
    ...ALERT_CORRUPTIONS,
  ])('%s', async (_, change, check, kind, id) => {
    const report = await auditAfter(change)
    const named = typeof id === 'string' ? id : expect.stringMatching(id)
    expect(gapsOf(report)).toContainEqual([check, kind, named])
  })
})

it('lists twenty gaps of a check and counts the others', async () => {
  const report = await auditAfter(
    `insert into aforo_store.rating_queue
     select 'default', 'evt_' || no, 0, now(), now(), 0, now() from generate_series(1, 33) as no`,
  )
  const { result } = report.results.find(({ check }) => check === 'queue')!
  expect([result.gaps.length, result.gapCount]).toEqual([20, 33])
  expect(reportLines(report)).toContainEqual('gap  queue: and 13 more')
})
