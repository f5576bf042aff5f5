import { auditAll } from '../../cmd/audit/run.ts'
import { reportLines } from '../../cmd/audit.ts'
import { replayAndCompare } from '../../cmd/replay.ts'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { openBooks } from '../audit/books.ts'
import { testDatabase } from '../support/database.ts'
import { noon } from '../support/usages.ts'

/** An API and books that go by one clock, which a test moves on: what is said next is said later. */
export class ClockedBooks {
  readonly api: RunningApi
  readonly #books: ReturnType<typeof openBooks>
  /** Since noon. */
  second = 0

  private constructor(api: RunningApi) {
    this.api = api
    this.#books = openBooks(api.database.pool)
    this.at(0)
  }

  static async start(): Promise<ClockedBooks> {
    return new ClockedBooks(await startApi())
  }

  at(second: number): number {
    this.second = second
    this.api.clock = noon(second)
    return second
  }

  tick(): number {
    return this.at(this.second + 10)
  }

  /** Cuts and rates all that is due, those events too that a fact completed. */
  async settle(...usages: readonly Usage[]): Promise<void> {
    await this.#books.push(this.tick(), ...usages)
    await this.#books.cut(this.tick())
    await this.#books.rate(this.second)
    this.tick()
  }

  /** What the audit finds. */
  async gaps(): Promise<readonly string[]> {
    const all = { tenantId: null, from: '-infinity', to: 'infinity' }
    const report = await auditAll(this.api.database.url, all, noon(this.second))
    return reportLines(report).filter((line) => line.startsWith('gap'))
  }

  /** What comes out differently when all is done again in an empty database. */
  async differences(): Promise<readonly unknown[]> {
    const target = await testDatabase()
    try {
      const { comparisons } = await replayAndCompare(this.api.database.pool, target.pool, SILENT)
      return comparisons.flatMap(({ differences }) => differences)
    } finally {
      await target.drop()
    }
  }
}
