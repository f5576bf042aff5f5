import type pg from 'pg'
import type { AlertRule, AlertState } from '../../core/alert.ts'
import type { TenantId } from '../../core/ids.ts'
import { type Decimal, parseDecimal, ZERO } from '../../core/money.ts'
import type { Known, Levels } from '../levels.ts'

/** What a rule sees of one subject. */
export interface Observation {
  /** Names the subject within the rule. */
  readonly subject: string
  /** The same for people: `{"customer": "acme"}`. */
  readonly about: Readonly<Record<string, string>>
  readonly known: Known
  /** Where they are not those of the rule. */
  readonly levels?: Levels
  /** What the value was worked out of, decimal text. */
  readonly figures: Readonly<Record<string, string | number | null>>
}

/** What a look saw, and how many more there were than it reads at once. */
export interface Seen {
  readonly observations: readonly Observation[]
  readonly unseen: number
}

/** Of rows that each tell how many there were in all. */
export function seenOf(
  rows: readonly { readonly total: string }[],
  observations: readonly Observation[],
): Seen {
  return { observations, unseen: Number(rows[0]?.total ?? 0) - rows.length }
}

/** A subject that is not ok. */
export interface OpenState {
  readonly subject: string
  readonly state: Exclude<AlertState, 'ok'>
  readonly sinceMs: number
}

/** A rule that is looked at now. */
export interface Look {
  readonly client: pg.PoolClient
  readonly tenantId: TenantId
  readonly rule: AlertRule
  readonly levels: Levels
  readonly open: readonly OpenState[]
  readonly now: Date
  /** Who changed since that snapshot is looked at; null: all are. */
  readonly seenTx: string | null
}

/** Subjects of a rule that are not ok, at most. Whoever is beyond a threshold besides is counted and waits for room. */
export const OPEN_MAX = 1_000
/** Rows that one look reads at most: those that are open, then the furthest beyond a threshold. The others are counted. */
export const LOOKED_AT_MAX = 10_000

/** The mildest threshold: whoever is not beyond it is ok. */
export function edgeOf({ direction, warn, block }: Levels): Decimal {
  const edge = warn ?? block
  if (edge === null) return ZERO
  if (block === null) return edge
  return (direction === 'above') === block.lessThan(edge) ? block : edge
}

/** The thresholds of a rule, of a value that is bad above or below them. */
export function levelsOf(rule: AlertRule, direction: Levels['direction']): Levels {
  const read = (text: string | undefined) => (text === undefined ? null : parseDecimal(text))
  return { direction, warn: read(rule.warn), block: read(rule.block), clearBy: read(rule.clear_by) ?? ZERO }
}
