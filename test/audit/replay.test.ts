import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { compareBooks } from '../../cmd/replay/compare.ts'
import { comparisonLines, replayAndCompare } from '../../cmd/replay.ts'
import { eventIdOf } from '../../core/ids.ts'
import { SILENT } from '../../core/log.ts'
import { inSnapshot } from '../../schema/snapshot.ts'
import { runCommand } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, noon, spanIdOf, traceIdOf } from '../support/usages.ts'
import { fillBooks, openBooks } from './books.ts'
import { invoiceBooks } from './invoice-books.ts'

const ALL = { tenantId: null, from: '-infinity', to: 'infinity' }

let from: TestDatabase
let to: TestDatabase
beforeEach(async () => {
  from = await testDatabase()
  to = await testDatabase()
  await fillBooks(from.pool)
})
afterEach(async () => {
  await from.drop()
  await to.drop()
})

const replay = () => replayAndCompare(from.pool, to.pool, SILENT)

const compared = () =>
  inSnapshot(from.pool, 1, ([source]) => inSnapshot(to.pool, 1, ([target]) => compareBooks(source!, target!)))

/** Revisions of all events, as they were cut and rated. */
async function revisionsOf({ pool }: TestDatabase) {
  const { rows } = await pool.query(
    `select e.event_id, e.revision, e.recorded_at, e.time, e.input_tokens, r.rated_at, r.status, r.cogs, r.price
     from aforo_store.events e left join aforo_store.ratings r using (tenant_id, event_id, revision)
     order by event_id, revision`,
  )
  return rows
}

describe('a replay into an empty database', () => {
  it('comes to the same, revision by revision, and to books without a gap', async () => {
    await invoiceBooks(from.pool)
    const { count, comparisons } = await replay()
    expect(comparisonLines(comparisons).filter((line) => line.startsWith('difference'))).toEqual([])
    for (const { name, rows } of comparisons) expect([name, rows > 0]).toEqual([name, true])
    expect(count.cutsRecorded).toBe(count.cuts)
    expect(await revisionsOf(to)).toEqual(await revisionsOf(from))
    const report = await auditAll(to.url, ALL, noon(60))
    expect([report.gapCount, report.pendings]).toEqual([0, new Map([['revisions to be rated', 1]])])
  })

  it('comes to the same sums where spans arrived while their trace was cut', async () => {
    const books = openBooks(from.pool)
    await books.push(30, callOf('race', 'root'))
    await books.cut(32)
    await books.rate(32)
    // Received before the cut and written after it: the replay has it in the first revision already.
    await books.push(31.5, callOf('race', 'other', { parentSpanId: spanIdOf('root') }))
    await books.cut(34)
    await books.rate(34)
    const { comparisons } = await replay()
    expect(comparisonLines(comparisons).filter((line) => line.startsWith('difference'))).toEqual([])
    const count = async ({ pool }: TestDatabase) => {
      const { rows } = await pool.query(
        'select count(*)::int as count from aforo_store.events where event_id = $1',
        [eventIdOf(traceIdOf('race'))],
      )
      return rows[0].count
    }
    expect([await count(from), await count(to)]).toEqual([2, 1])
  })

  it('tells what differs', async () => {
    await from.pool.query(`update aforo_store.cost_lines set amount = amount * 2 where event_id = $1`, [
      eventIdOf(traceIdOf('globex')),
    ])
    const { comparisons } = await replay()
    const differing = comparisons.filter(({ differenceCount }) => differenceCount > 0)
    expect(differing.map(({ name, differenceCount }) => [name, differenceCount])).toEqual([['cost lines', 2]])
    expect(comparisonLines(comparisons).join('\n')).toContain(eventIdOf(traceIdOf('globex')))
  })

  it('tells apart what was only charged in another order', async () => {
    await replay()
    // Two events of one period, by a meter with tiers: the same in all.
    const { rowCount } = await to.pool.query(
      `update aforo_store.price_lines set amount = amount + case when event_id = $1 then 0.5 else -0.5 end
       where event_id in ($1, $2) and revision = 0 and meter_no = 0`,
      [eventIdOf(traceIdOf('late')), eventIdOf(traceIdOf('unpriced'))],
    )
    expect(rowCount).toBe(2)
    const comparisons = await compared()
    expect(
      comparisons.filter(({ differenceCount, reordered }) => differenceCount + reordered > 0),
    ).toMatchObject([{ name: 'price lines', differenceCount: 0, reordered: 2 }])
    await to.pool.query('update aforo_store.price_lines set amount = amount + 1e-18 where meter_no = 1')
    expect((await compared()).filter(({ differenceCount }) => differenceCount > 0)).toMatchObject([
      { name: 'price lines' },
    ])
  })

  it('is refused where something is there already', async () => {
    await expect(replayAndCompare(from.pool, from.pool, SILENT)).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('the commands', () => {
  const run = (...args: readonly string[]) => runCommand(args, { DATABASE_URL: from.url })

  it('exit 0 where all is well', async () => {
    expect(await run('audit')).toContain('no gap')
    expect(await run('audit', '--tenant', 'nobody', '--from', '2026-01-01')).toContain('no gap')
    expect(await run('replay', '--into', to.url)).toMatch(/^events +\d+ +0 +0$/m)
  })

  it('exit 1 where something is amiss', async () => {
    await from.pool.query('update aforo_store.meter_counters set amount = amount + 1 where meter_no = 1')
    await expect(run('audit')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^gap {2}counters: counter \d+\/2026-11-01T00:00:00Z\/team\/1\/1 of tenant/m,
      ),
    })
    await expect(run('replay', '--into', to.url)).rejects.toMatchObject({ code: 1 })
    await expect(run('replay', '--into', to.url)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not empty'),
    })
    await expect(run('audit', '--from', 'yesterday')).rejects.toMatchObject({
      stderr: expect.stringContaining('must be an instant like 2026-11-23T00:00:00Z'),
    })
  })
})
