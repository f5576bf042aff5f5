import type pg from 'pg'
import { AforoError, type FieldFault } from '../../../core/errors.ts'
import { type Decimal, ZERO } from '../../../core/money.ts'
import { type CatalogueRow, catalogueRows } from '../catalogue-book.ts'
import { toListPrices } from '../convert.ts'
import type { ListPrice } from '../list-price.ts'
import { bundledCatalogue } from '../seed.ts'
import { type CatalogueText, readCatalogue, readSecond } from './catalogue-text.ts'
import { cogsShares } from './cogs-share.ts'
import { diffCatalogue, modelOf, type ProposedChange } from './diff.ts'
import { implausible } from './plausible.ts'
import { lastRowCount } from './proposal-tables.ts'
import type { SourceText } from './read-source.ts'
import { type SecondSays, secondCatalogue } from './second-catalogue.ts'
import { type HeldReason, heldReasons } from './verdict.ts'

/** A catalogue to look at. */
export interface ImportOrder {
  readonly catalogue: SourceText
  /** Checks the catalogue: where it disagrees, a person decides. */
  readonly second: SourceText | null
  /** Takes a file with far fewer rows than the last one of its source. */
  readonly allowFewer?: boolean
  readonly now: Date
}

/** A proposal with what decides whether a person has to look at it. */
export interface JudgedChange extends ProposedChange {
  /** Empty: accepted by itself. */
  readonly held: readonly HeldReason[]
  /** The model's share of the last 30 days' COGS. */
  readonly share: Decimal
}

/** What a catalogue would change. */
export interface PriceDiff {
  readonly catalogue: CatalogueText
  readonly proposed: readonly JudgedChange[]
  /** What of it is not believed; of such models nothing is proposed. */
  readonly refused: readonly FieldFault[]
  readonly book: readonly CatalogueRow[]
  readonly says: SecondSays
}

/** A file that lost more of its rows than this is refused: it lost them. */
const ROWS_KEPT_MIN = 0.98

/** Models that one import may change. */
export const PROPOSALS_MAX = 20_000

/**
 * Compares a catalogue with the book. Writes nothing.
 * @throws AforoError `invalid_argument` with the faults by path
 */
export async function comparePrices(client: pg.PoolClient, order: ImportOrder): Promise<PriceDiff> {
  const { now, second } = order
  const catalogue = readCatalogue(order.catalogue)
  const providers = await bundledCatalogue()
  const says: SecondSays = second ? secondCatalogue(readSecond(second), providers) : () => []
  if (order.allowFewer !== true) {
    const bundled = catalogue.format === 'genai' ? toListPrices(providers).length : 0
    refuseFewer(catalogue, (await lastRowCount(client, order.catalogue.name)) ?? bundled)
  }
  const book = await catalogueRows(client)
  const options = { now: now.toISOString(), complete: catalogue.complete, rowSource: catalogue.rowSource }
  const first = diffCatalogue(book, catalogue.wanted, options)
  const changed = new Set(first.filter(({ kind }) => kind !== 'upstream_missing').map(modelOf))
  const refused = [...Map.groupBy(catalogue.own, modelOf)].flatMap(([model, rows]) =>
    changed.has(model) ? implausible(rows, options.now).map((fault) => ({ model, fault })) : [],
  )
  const doubted = new Set(refused.map(({ model }) => model))
  // What is not believed stays as the book has it, and so does all that is worked out from it.
  const sound =
    doubted.size === 0
      ? first
      : diffCatalogue(book, catalogue.wantedOf(withBookRows(catalogue, book, doubted)), options)
  refuseMore(sound.length, order.catalogue.name)
  const shares = sound.length === 0 ? new Map<string, Decimal>() : await cogsShares(client, now)
  const proposed = sound.map((proposal) => {
    const share = shares.get(modelOf(proposal)) ?? ZERO
    return { ...proposal, share, held: heldReasons(proposal, { says, share, now: options.now }) }
  })
  return { catalogue, proposed, refused: refused.map(({ fault }) => fault), book, says }
}

function refuseFewer({ complete, own }: CatalogueText, before: number): void {
  if (!complete || own.length >= before * ROWS_KEPT_MIN) return
  throw new AforoError(
    'invalid_argument',
    `has ${own.length} prices where it had ${before}: more than 2% are gone, so the file is not believed`,
    { faults: [{ path: '/', message: `has ${own.length} prices instead of ${before}` }] },
  )
}

function refuseMore(models: number, name: string): void {
  if (models <= PROPOSALS_MAX) return
  throw new AforoError(
    'invalid_argument',
    `${name} would change ${models} models, more than ${PROPOSALS_MAX}`,
  )
}

function withBookRows(
  { own, rowSource }: CatalogueText,
  book: readonly CatalogueRow[],
  doubted: ReadonlySet<string>,
): readonly ListPrice[] {
  const kept = book.filter((row) => row.source === rowSource && !row.derived && doubted.has(modelOf(row)))
  return [...own.filter((row) => !doubted.has(modelOf(row))), ...kept]
}
