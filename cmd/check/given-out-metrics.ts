import type pg from 'pg'
import { Gauge, type Registry } from 'prom-client'
import type { Log } from '../../core/log.ts'
import { type GivenOut, readGivenOut } from '../../schema/budgets/given-out.ts'

/** Whoever asks more often is told the same. */
const GIVEN_OUT_MS = 1_000

/** What is told of each unit: a gauge each. */
const GAUGES = [
  ['leases', 'aforo_budget_leases', 'Leases that are out, of all check servers.'],
  ['leased', 'aforo_budget_leased_amount', 'What leases have that no hold has taken.'],
  ['holds', 'aforo_budget_holds', 'Amounts that holds hold, one for each counter.'],
  ['held', 'aforo_budget_held_amount', 'What holds hold.'],
  ['overHolds', 'aforo_budget_over_holds', 'Amounts held of which more was used, as long as holds are kept.'],
  ['over', 'aforo_budget_over_hold_amount', 'What was used beyond what was held, as long as holds are kept.'],
] as const

/** Tells in a registry what the centre has given out. The sums are read when somebody looks. */
export function registerGivenOut(
  registry: Registry,
  pool: Pick<pg.Pool, 'query'>,
  log: Log,
  clock: () => number = () => performance.now(),
): void {
  let readAt = Number.NEGATIVE_INFINITY
  let known: Promise<readonly GivenOut[]> = Promise.resolve([])
  const read = () => {
    if (clock() - readAt < GIVEN_OUT_MS) return known
    readAt = clock()
    known = readGivenOut(pool).catch((error: unknown) => {
      log.warn({ err: error }, 'what is given out could not be read')
      return []
    })
    return known
  }
  for (const [field, name, help] of GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['unit'],
      registers: [registry],
      async collect() {
        const units = await read()
        this.reset()
        // A gauge is a picture: what is billed or held never goes through it.
        for (const row of units) this.set({ unit: row.unit }, Number(row[field]))
      },
    })
  }
}
