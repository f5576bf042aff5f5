import { effective, sameCounting, sameTerms } from '../in-force.ts'
import { BEGINNING, type ListPrice, seriesOf } from '../list-price.ts'
import { NOTHING_BEFORE, type PriceBefore, priceBefore } from './price-before.ts'

/** A row of the book with its id. */
export interface BookPrice extends ListPrice {
  readonly priceRowId: string
}

/**
 * What a catalogue wants changed, by kind:
 *  new_model         nothing prices the model: it is taken with its whole history
 *  new_meter         nothing prices that meter of a model the book has: the same
 *  change            another price from now on, or from an announced instant
 *  revocation        an announced price that will not come: what is in force goes on
 *  back_dated        another price for a time that is past: nothing is repriced, costs are adjusted once approved
 *  upstream_missing  a price the catalogue no longer has: the book keeps it
 */
export type ProposalKind =
  | 'new_model'
  | 'new_meter'
  | 'change'
  | 'revocation'
  | 'back_dated'
  | 'upstream_missing'

/** One price for one stretch of time. */
export interface PriceChange {
  /** Null: from when it is decided. */
  readonly from: string | null
  /** Null: for good; of what is back-dated, until another price took over, at the latest until it is decided. */
  readonly to: string | null
  /** What counts until then; null where nothing does. */
  readonly old: BookPrice | null
  /** Null where the catalogue has none. Its own times say what the catalogue declares. */
  readonly next: ListPrice | null
}

/** What is proposed for one model. */
export interface ProposedChange {
  readonly kind: ProposalKind
  readonly provider: string
  readonly model: string
  readonly changes: readonly PriceChange[]
}

export interface DiffOptions {
  /** The instant of the import, RFC 3339 with milliseconds. */
  readonly now: string
  /** Whether a price that is not there is missing. */
  readonly complete: boolean
  /** What rows of this catalogue name as their source. */
  readonly rowSource: string
}

/**
 * Compares the book with a catalogue, series by series and instant by instant. Where the catalogue says a price differs without
 * saying since when, it counts from now on; where it says since when and that is past, that is a proposal of its own.
 */
export function diffCatalogue(
  book: readonly BookPrice[],
  wanted: readonly ListPrice[],
  options: DiffOptions,
): readonly ProposedChange[] {
  const known = Map.groupBy(book, seriesOf)
  const models = Map.groupBy(book, modelOf)
  const catalogue = Map.groupBy(wanted, seriesOf)
  const found: (PriceChange & { kind: ProposalKind; of: ListPrice })[] = []
  const add = (kind: ProposalKind, of: ListPrice, change: PriceChange) => found.push({ ...change, kind, of })
  for (const [series, rows] of catalogue) {
    const before = priceBefore(models, rows[0]!)
    for (const change of changesOf(known.get(series) ?? [], rows, before, options.now)) {
      const isNew = change.kind === 'new_meter' && !models.has(modelOf(rows[0]!))
      add(isNew ? 'new_model' : change.kind, rows[0]!, change)
    }
  }
  if (options.complete) {
    for (const [series, rows] of known) {
      if (catalogue.has(series)) continue
      for (const change of goneFrom(rows, catalogue, options)) add(change.kind, rows[0]!, change)
    }
  }
  return byModel(found)
}

type Change = PriceChange & { readonly kind: ProposalKind }

function changesOf(
  known: readonly BookPrice[],
  wanted: readonly ListPrice[],
  before: PriceBefore,
  now: string,
): readonly Change[] {
  const changes: Change[] = []
  const inForce = effective(known, now)
  for (const [from, to] of stretches([...known, ...wanted, ...before.rows], now)) {
    const next = effective(wanted, from)
    const have = effective(known, from) ?? null
    if (!next || (have && sameTerms(have, next))) continue
    const old = have ?? before.at(from)
    const common = { from, to, old, next }
    if (old === null) {
      changes.push({ kind: 'new_meter', ...common })
    } else if (from < now) {
      const isOther = !sameTerms(old, next) && sameCounting(old, next) && isDeclared(next, now)
      if (isOther) changes.push({ kind: 'back_dated', ...common })
    } else {
      const isCancelled = have !== null && have.effectiveFrom > now && inForce && sameTerms(inForce, next)
      changes.push({
        kind: isCancelled ? 'revocation' : 'change',
        ...common,
        from: from === now ? null : from,
      })
    }
  }
  return merged(changes, now).map((change) =>
    change.kind === 'back_dated' && change.to === now ? { ...change, to: null } : change,
  )
}

/** Time cut wherever something begins or ends, at `now` among them. */
function stretches(rows: readonly ListPrice[], now: string): readonly (readonly [string, string | null])[] {
  const edges = rows.flatMap((row) => [row.effectiveFrom, row.effectiveTo ?? now])
  const instants = [...new Set([BEGINNING, now, ...edges])].sort()
  return instants.map((from, i) => [from, instants[i + 1] ?? null] as const)
}

/** Whether the catalogue says for when a price was: a row without a date says nothing of the past. */
function isDeclared(row: ListPrice, now: string): boolean {
  return row.effectiveFrom > BEGINNING || (row.effectiveTo !== null && row.effectiveTo <= now)
}

/** Stretches that follow each other and say the same are one. */
function merged(changes: readonly Change[], now: string): readonly Change[] {
  const out: Change[] = []
  for (const change of changes) {
    const last = out.at(-1)
    const follows =
      last &&
      last.kind === change.kind &&
      last.to === (change.from ?? now) &&
      last.next === change.next &&
      last.old?.priceRowId === change.old?.priceRowId
    if (follows) out[out.length - 1] = { ...last, to: change.to }
    else out.push(change)
  }
  return out
}

/**
 * A price that a whole catalogue no longer has. One for long contexts whose base price is still there was given up: the
 * base price takes its place. Any other is missing, which deletes nothing.
 */
function goneFrom(
  rows: readonly BookPrice[],
  catalogue: ReadonlyMap<string, readonly ListPrice[]>,
  { now, rowSource }: DiffOptions,
): readonly Change[] {
  const first = rows[0]!
  const { contextFrom, contextInclusive } = first
  const inForce = rows.filter((row) => row.effectiveTo === null || row.effectiveTo > now)
  if (contextFrom !== '0') {
    const base = catalogue.get(seriesOf({ ...first, contextFrom: '0', contextInclusive: false }))
    const instead = base?.map((row) => ({ ...row, contextFrom, contextInclusive }))
    if (instead) return changesOf(rows, instead, NOTHING_BEFORE, now).filter(({ kind }) => kind === 'change')
  }
  return inForce
    .filter((row) => row.source === rowSource && !row.derived)
    .map((old) => ({ kind: 'upstream_missing', from: null, to: null, old, next: null }))
}

function byModel(
  found: readonly (PriceChange & { kind: ProposalKind; of: ListPrice })[],
): readonly ProposedChange[] {
  const groups = Map.groupBy(found, ({ kind, of }) => JSON.stringify([kind, of.provider, of.model]))
  return [...groups.values()].map((changes) => {
    const { kind, of } = changes[0]!
    return {
      kind,
      provider: of.provider,
      model: of.model,
      changes: changes.map(({ from, to, old, next }) => ({ from, to, old, next })),
    }
  })
}

/** Names a model in maps of the diff. */
export function modelOf({ provider, model }: Pick<ListPrice, 'provider' | 'model'>): string {
  return `${provider}\0${model}`
}
