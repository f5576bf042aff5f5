import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Usage } from '../../core/usage.ts'
import { CUT_DEFAULTS, type CutSettings } from '../cut/settings.ts'
import type { ReceiverMetrics } from '../metrics.ts'
import { type Committer, createCommitter } from './commit.ts'
import type { JournalRow } from './rows.ts'

/** The usage journal as a receiver writes it. */
export interface Journal {
  /**
   * Resolves when every row is durable and its trace knows of it; rows that are there already are no fault.
   * @throws AforoError `unavailable` where the queue is full or the database away, `internal` where it refuses the rows
   */
  append(tenant: TenantId, usages: readonly Usage[], receivedAt: Date): Promise<void>
  /** Resolves when nothing waits and nothing is under way. */
  drain(): Promise<void>
}

export interface JournalOptions {
  readonly pool: pg.Pool
  readonly metrics: ReceiverMetrics
  readonly settings?: CutSettings
  /** Rows that may wait; beyond it appends are refused retryably. */
  readonly rowsWaitingMax?: number
  /** Transactions at once. */
  readonly commitsMax?: number
}

/** Larger groups gain nothing and hold memory. */
const GROUP_ROWS_MAX = 8_192
/** As long as one transaction runs, a second is worth its cost from this many rows on. */
const GROUP_ROWS_WORTHWHILE = 1_024
const ROWS_WAITING_MAX = 131_072
const COMMITS_MAX = 4

/** Group commit: while a transaction runs, the next group gathers. It owns the queue. */
export function createJournal(options: JournalOptions): Journal {
  return new GroupCommit(options, createCommitter(options.pool, options.settings ?? CUT_DEFAULTS))
}

/** Rows of one append, or a part of it, and who waits for them. */
interface Waiting {
  readonly rows: JournalRow[]
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

class GroupCommit implements Journal {
  readonly #committer: Committer
  readonly #metrics: ReceiverMetrics
  readonly #rowsWaitingMax: number
  readonly #commitsMax: number
  #queue: Waiting[] = []
  #rowsWaiting = 0
  #running = 0
  #drained: (() => void)[] = []

  constructor(options: JournalOptions, committer: Committer) {
    this.#committer = committer
    this.#metrics = options.metrics
    this.#rowsWaitingMax = options.rowsWaitingMax ?? ROWS_WAITING_MAX
    this.#commitsMax = options.commitsMax ?? COMMITS_MAX
  }

  async append(tenant: TenantId, usages: readonly Usage[], receivedAt: Date): Promise<void> {
    if (usages.length === 0) return
    if (this.#rowsWaiting > 0 && this.#rowsWaiting + usages.length > this.#rowsWaitingMax) {
      this.#metrics.queueFull.inc()
      throw new AforoError('unavailable', 'the journal queue is full, send again later')
    }
    const at = receivedAt.getTime()
    const parts: Promise<void>[] = []
    for (let from = 0; from < usages.length; from += GROUP_ROWS_MAX) {
      const part = usages.slice(from, from + GROUP_ROWS_MAX)
      parts.push(this.#enqueue(part.map((usage) => ({ tenant, receivedAt: at, usage }))))
    }
    this.#pump()
    await Promise.all(parts)
  }

  drain(): Promise<void> {
    if (this.#running === 0 && this.#queue.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  #enqueue(rows: JournalRow[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ rows, done, failed })
      this.#countWaiting(rows.length)
    })
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#mayStart()) {
      const group = this.#takeGroup()
      this.#running++
      void this.#commit(group).finally(() => {
        this.#running--
        this.#pump()
      })
    }
    if (this.#running > 0 || this.#queue.length > 0) return
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #mayStart(): boolean {
    if (this.#running === 0) return true
    return this.#running < this.#commitsMax && this.#rowsWaiting >= GROUP_ROWS_WORTHWHILE
  }

  #takeGroup(): Waiting[] {
    let rows = 0
    let count = 0
    while (
      count < this.#queue.length &&
      (count === 0 || rows + this.#queue[count]!.rows.length <= GROUP_ROWS_MAX)
    )
      rows += this.#queue[count++]!.rows.length
    this.#countWaiting(-rows)
    return this.#queue.splice(0, count)
  }

  /** A group that the database refuses for its contents is tried one by one: nobody fails for a neighbour's rows. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#write(group.flatMap((waiting) => waiting.rows))
      for (const waiting of group) waiting.done()
    } catch (error) {
      if (group.length > 1 && !(error instanceof AforoError && error.retryable)) {
        for (const waiting of group) await this.#commit([waiting])
        return
      }
      for (const waiting of group) waiting.failed(error)
    }
  }

  async #write(rows: JournalRow[]): Promise<void> {
    try {
      const added = await this.#committer.commit(rows)
      this.#metrics.journalled.inc(added)
      this.#metrics.duplicates.inc(rows.length - added)
      this.#metrics.commits.inc({ outcome: 'committed' })
    } catch (error) {
      this.#metrics.commits.inc({ outcome: 'failed' })
      throw error
    }
  }

  #countWaiting(rows: number): void {
    this.#rowsWaiting += rows
    this.#metrics.queued.set(this.#rowsWaiting)
  }
}
