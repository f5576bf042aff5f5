import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { CounterStanding } from '../../core/lease.ts'
import type { Log } from '../../core/log.ts'
import type { RateCard } from '../../core/rate-card.ts'
import type { Access } from '../../schema/access.ts'
import { type Changes, readChangePoint, readChanges } from '../../schema/budgets/changes.ts'
import { exchange, takeHolds } from '../../schema/budgets/holds.ts'
import { kill, lift } from '../../schema/budgets/kills.ts'
import type { PeriodOf } from '../../schema/budgets/months.ts'
import { readSpenders } from '../../schema/budgets/spenders.ts'
import { readStandings } from '../../schema/budgets/standings.ts'
import { databaseFault } from '../../schema/faults.ts'
import { batchedReads, batchedTakes } from './batcher.ts'
import type { Centre, Change, RateQuestion } from './centre.ts'

/** How often it is looked what has changed, while somebody follows. */
export const LOOK_MS = 25
const LOOK_BACKOFF_MS_MAX = 1_000

/** Finds what a call may cost at worst. */
type FindRates = (pool: pg.Pool, tenantId: TenantId, question: RateQuestion, now: Date) => Promise<RateCard>

interface DatabaseCentreParts {
  readonly pool: pg.Pool
  readonly access: Access
  readonly periodOf: PeriodOf
  readonly rates: FindRates
  readonly log: Log
  readonly now: () => Date
}

/** The centre as the database has it. */
export function createDatabaseCentre(parts: DatabaseCentreParts): Centre {
  const { pool, now } = parts
  const followers = new Map<TenantId, Set<(change: Change) => void>>()
  const looker = createLooker(parts, followers)
  const reads = batchedReads((tenantId, spenders) =>
    asked(() => readSpenders(pool, tenantId, spenders, parts.periodOf, now())),
  )
  // Messages of all sidecars share a transaction: those that wait for a counter would each keep a connection.
  const takes = batchedTakes((tenantId, holds) => takeHolds(pool, tenantId, holds, now()))
  return {
    access: parts.access,
    read: (tenantId, spender) => reads.ask(tenantId, spender),
    take: (tenantId, hold) => takes.ask(tenantId, hold),
    exchange: (tenantId, told) => exchange(pool, tenantId, told, now()),
    rates: (tenantId, question) => asked(() => parts.rates(pool, tenantId, question, now())),
    kill: (tenantId, who, reason) => asked(() => kill(pool, tenantId, who, reason, now())),
    lift: (tenantId, who) => asked(() => lift(pool, tenantId, who, now())),
    follow(tenantId, tell) {
      const others = followers.get(tenantId) ?? new Set()
      followers.set(tenantId, others.add(tell))
      looker.joined(tell)
      return () => {
        others.delete(tell)
        if (others.size === 0 && followers.get(tenantId) === others) followers.delete(tenantId)
      }
    },
    stop: () => looker.stop(),
  }
}

/** A fault of the database is one that passes, or ours. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw databaseFault(error)
  }
}

/** Looks again and again what has changed of the tenants that are followed, and tells. */
function createLooker(
  { pool, log, now }: DatabaseCentreParts,
  followers: ReadonlyMap<TenantId, ReadonlySet<(change: Change) => void>>,
) {
  let since: string | null = null
  let failures = 0
  let timer: NodeJS.Timeout | null = null
  let looking: Promise<void> | null = null
  let stopped = false
  const joining = new Set<(change: Change) => void>()

  async function look(): Promise<void> {
    const joined = [...joining]
    joining.clear()
    try {
      since ??= await readChangePoint(pool)
      // From here on nothing is missed: what they read before is to be read again.
      for (const tell of joined) tell({ kind: 'reread' })
      const tenants = [...followers.keys()]
      const changes = await readChanges(pool, tenants, since)
      const standings = await standingsOf(changes)
      for (const [tenantId, tells] of followers) {
        for (const change of changesOf(tenantId, changes, standings)) for (const tell of tells) tell(change)
      }
      since = changes.since
      failures = 0
    } catch (error) {
      for (const tell of joined) joining.add(tell)
      failures += 1
      if (failures === 1) log.warn({ err: error }, 'changes of budgets cannot be looked for')
    }
  }

  async function standingsOf({
    counters,
  }: Changes): Promise<ReadonlyMap<TenantId, readonly CounterStanding[]>> {
    const found = new Map<TenantId, readonly CounterStanding[]>()
    for (const [tenantId, keys] of counters) {
      const read = await readStandings(pool, tenantId, keys, now())
      found.set(
        tenantId,
        read.map(({ key, version, used, usedCogs, leased, limit }) => ({
          counter: key,
          version,
          used,
          usedCogs,
          leased,
          limit,
        })),
      )
    }
    return found
  }

  function schedule(): void {
    if (stopped || timer || looking) return
    if (followers.size === 0 && joining.size === 0) {
      // Nobody was told of what changes now.
      since = null
      return
    }
    timer = setTimeout(
      () => {
        timer = null
        looking = look().finally(() => {
          looking = null
          schedule()
        })
      },
      failures === 0 ? LOOK_MS : Math.min(LOOK_MS * 2 ** failures, LOOK_BACKOFF_MS_MAX),
    )
  }

  return {
    joined(tell: (change: Change) => void): void {
      joining.add(tell)
      schedule()
    },
    async stop(): Promise<void> {
      stopped = true
      if (timer) clearTimeout(timer)
      await looking
    },
  }
}

function* changesOf(
  tenantId: TenantId,
  changes: Changes,
  standings: ReadonlyMap<TenantId, readonly CounterStanding[]>,
): Generator<Change> {
  const budgets = changes.budgets.get(tenantId)
  if (budgets === 'many') yield { kind: 'reread' }
  else if (changes.isTooMuch || budgets) yield { kind: 'reread', budgets: budgets ?? [] }
  const counters = standings.get(tenantId)
  if (counters) yield { kind: 'counters', standings: counters }
  for (const { kind: of, id, isKilled, tenantId: whose } of changes.kills) {
    if (whose === tenantId) yield { kind: 'kill', of, id, isKilled }
  }
  yield { kind: 'beat' }
}
