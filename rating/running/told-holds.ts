import type { TenantId } from '../../core/ids.ts'
import type { HoldUse } from '../../core/open-trace.ts'

/** Holds whose spans were counted, remembered at most; at more all are forgotten. */
export const HOLDS_REMEMBERED_MAX = 50_000

/**
 * Remembers which holds were ended by their spans, and with what usage: a trace that grows is looked at anew, with all of
 * its spans.
 */
export class ToldHolds {
  readonly #known = new Map<string, string>()

  /** Those that are not known yet, or of which more is told than was known. */
  fresh(tenantId: TenantId, holds: readonly HoldUse[]): readonly HoldUse[] {
    return holds.filter((hold) => this.#known.get(nameOf(tenantId, hold)) !== useOf(hold))
  }

  /** To be called once what ended them is committed. To end one again does no harm. */
  remember(tenantId: TenantId, holds: readonly HoldUse[]): void {
    if (this.#known.size + holds.length > HOLDS_REMEMBERED_MAX) this.#known.clear()
    for (const hold of holds.slice(0, HOLDS_REMEMBERED_MAX))
      this.#known.set(nameOf(tenantId, hold), useOf(hold))
  }

  get size(): number {
    return this.#known.size
  }
}

function nameOf(tenantId: TenantId, { holdId }: HoldUse): string {
  return `${tenantId} ${holdId}`
}

function useOf({ actual }: HoldUse): string {
  return JSON.stringify(actual)
}
