import type pg from 'pg'
import type { AssemblyDocument } from '../core/assembly-document.ts'
import type { ClaimedRevision } from './claim.ts'
import { AS_REPORTED, type PriceOf, REPORTED } from './cost.ts'
import { createPriceBook, type WantedKey } from './prices/book.ts'
import { createFindKeys, type FindKeys, type ModelKey, type ModelNames } from './prices/match.ts'
import { priceRegion } from './prices/regions.ts'
import { type BookRow, type RowsOf, resolvePrice } from './prices/resolve.ts'
import { bundledCatalogue } from './prices/seed.ts'
import { readReportedProviders } from './reported-providers.ts'

/** Answers what quantities cost, for the models of a batch of events; from rows read now where `fresh` is asked for. */
export interface Pricing {
  forEvents(
    client: pg.PoolClient,
    events: readonly ClaimedRevision[],
    now: Date,
    fresh?: boolean,
  ): Promise<(tenantId: string) => PriceOf>
}

/** All rows that are committed are known; only who asks about the past asks as of an earlier instant. */
const ALL_KNOWN = Number.POSITIVE_INFINITY
const NANOS_PER_MICRO = 1000n

export function createPricing(): Pricing {
  const book = createPriceBook()
  let finding: Promise<FindKeys> | undefined
  return {
    async forEvents(client, events, now, fresh) {
      finding ??= bundledCatalogue().then(createFindKeys)
      const findKeys = await finding
      const wanted = events.flatMap((event) => wantedKeys(event, findKeys))
      const rowsFor = await book.load(client, wanted, now, fresh)
      const counts = await readReportedProviders(client, events)
      return (tenantId) => {
        const priceOf = priceFrom(tenantId, findKeys, rowsFor(tenantId))
        return (question) => {
          if (question.meter !== REPORTED) return priceOf(question)
          return counts(tenantId, question.provider) ? AS_REPORTED : null
        }
      }
    },
  }
}

/** Prices from rows that are in memory. */
export function priceFrom(
  tenantId: string,
  findKeys: FindKeys,
  rowsOf: RowsOf,
  knownAt: number = ALL_KNOWN,
): PriceOf {
  // The meters of a call are asked for one after the other.
  let asked: ModelNames | undefined
  let keys: readonly ModelKey[] = []
  const held = new Map<ModelKey, readonly BookRow[]>()
  const rowsHeld: RowsOf = (key) => {
    let rows = held.get(key)
    if (!rows) {
      rows = rowsOf(key)
      held.set(key, rows)
    }
    return rows
  }
  return (question) => {
    if (question.meter === REPORTED) return null
    if (!asked || !sameNames(asked, question)) {
      asked = question
      keys = keysOf(question, findKeys)
    }
    return resolvePrice(
      {
        tenantId,
        keys,
        meter: question.meter,
        serviceTier: question.serviceTier,
        region: priceRegion(question.provider, question.region),
        inputTokens: question.inputTokens,
        at: Number(question.at / NANOS_PER_MICRO),
        knownAt,
      },
      rowsHeld,
    )
  }
}

function sameNames(a: ModelNames, b: ModelNames): boolean {
  return a.model === b.model && a.provider === b.provider && a.requestModel === b.requestModel
}

function wantedKeys(event: ClaimedRevision, findKeys: FindKeys): readonly WantedKey[] {
  const { calls, tools } = event.document as AssemblyDocument
  // A packed call leaves out what it does not have.
  const names: ModelNames[] = [
    ...calls.map(({ provider = null, model = null, requestModel = null }) => ({
      provider,
      model,
      requestModel,
    })),
    ...tools.map((tool) => ({ provider: 'tool', model: tool.name, requestModel: null })),
  ]
  return names.flatMap((name) => keysOf(name, findKeys)).map((key) => ({ ...key, tenantId: event.tenantId }))
}

/** A tool's price stands under its own name; that is no model of any catalogue. */
function keysOf(names: ModelNames, findKeys: FindKeys): readonly ModelKey[] {
  return names.provider === 'tool' ? [{ provider: 'tool', model: names.model ?? '' }] : findKeys(names)
}
