import type { GrantKind, OpenGrant } from '../../core/credits.ts'
import { Decimal } from '../../core/money.ts'
import { microsOf } from '../instant.ts'

/** What `openGrantOf` reads of a row of `credit_grants`. */
export interface GrantRow {
  readonly grant_id: string
  readonly kind: GrantKind
  readonly priority: number
  readonly effective_at: string | null
  readonly expires_at: string | null
  readonly recorded_at: string
  readonly rule: string | null
}

/** The columns of a `GrantRow`, of a table or query of this name. */
export function grantColumns(granted: string): string {
  return `${granted}.grant_id::text as grant_id, ${granted}.kind, ${granted}.priority, ${granted}.rule,
    ${microsOf(`${granted}.effective_at`)} as effective_at, ${microsOf(`${granted}.expires_at`)} as expires_at,
    ${microsOf(`${granted}.recorded_at`)} as recorded_at`
}

/** A grant with what it holds, and what of it expired, as decimal text. */
export function openGrantOf(
  row: GrantRow,
  {
    isVoid,
    remaining,
    broken,
  }: { readonly isVoid: boolean; readonly remaining: string; readonly broken: string },
): OpenGrant {
  return {
    grantId: row.grant_id,
    kind: row.kind,
    priority: row.priority,
    effectiveAt: row.effective_at === null ? null : Number(row.effective_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
    recordedAt: Number(row.recorded_at),
    rule: row.rule,
    isVoid,
    remaining: new Decimal(remaining),
    broken: new Decimal(broken),
  }
}
