import type pg from 'pg'
import { AforoError, type FieldFault } from '../../../core/errors.ts'
import { type Decimal, ZERO } from '../../../core/money.ts'
import { type CatalogueRow, catalogueRows } from '../catalogue-book.ts'
import { toListPrices } from '../convert.ts'
import { type ListPrice, seriesOf } from '../list-price.ts'
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
  const book = await catalogueRows(client)
  if (order.allowFewer !== true) {
    const before = await lastRowCount(client, order.catalogue.name)
    if (before !== null) refuseFewer(catalogue, before)
    else if (catalogue.format === 'genai') refuseFewer(catalogue, toListPrices(providers).length)
    else refuseGaps(catalogue, book, now.toISOString())
  }
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

/**
 * The first file of a source has none before it: it is held against what the book has of the providers it names. What is
 * worked out from other rows need not be in a list.
 */
function refuseGaps({ complete, own }: CatalogueText, book: readonly CatalogueRow[], now: string): void {
  if (!complete) return
  const providers = new Set(own.map(({ provider }) => provider))
  const listed = new Set(own.map(seriesOf))
  const inForce = book.filter(
    (row) =>
      providers.has(row.provider) && !row.derived && (row.effectiveTo === null || row.effectiveTo > now),
  )
  const lacking = inForce.filter((row) => !listed.has(seriesOf(row)))
  if (lacking.length <= inForce.length * (1 - ROWS_KEPT_MIN)) return
  const message = `lacks ${lacking.length} of ${inForce.length} prices that the book has of the providers it names`
  throw new AforoError('invalid_argument', `${message}: more than 2%, so the file is not believed`, {
    faults: [{ path: '/', message }],
  })
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
