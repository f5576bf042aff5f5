import type { TenantId } from '../../core/ids.ts'

/** Holds whose spans were counted, remembered at most; at more all are forgotten. */
export const HOLDS_REMEMBERED_MAX = 50_000

/** Remembers which holds were ended by their spans: a trace that grows is looked at anew, with all of its spans. */
export class ToldHolds {
  readonly #known = new Set<string>()

  /** Those that are not known yet, each once. */
  fresh(tenantId: TenantId, holdIds: readonly string[]): readonly string[] {
    return [...new Set(holdIds)].filter((id) => !this.#known.has(`${tenantId} ${id}`))
  }

  /** To be called once what ended them is committed. To end one again does no harm. */
  remember(tenantId: TenantId, holdIds: readonly string[]): void {
    if (this.#known.size + holdIds.length > HOLDS_REMEMBERED_MAX) this.#known.clear()
    for (const id of holdIds.slice(0, HOLDS_REMEMBERED_MAX)) this.#known.add(`${tenantId} ${id}`)
  }

  get size(): number {
    return this.#known.size
  }
}
