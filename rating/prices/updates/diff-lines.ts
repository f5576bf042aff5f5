import type pg from 'pg'
import { transaction } from '../../../schema/pool.ts'
import { catalogueRows } from '../catalogue-book.ts'
import type { ListPrice } from '../list-price.ts'
import { bundledCatalogue } from '../seed.ts'
import { readSecond } from './catalogue-text.ts'
import { comparePrices, type JudgedChange } from './compare.ts'
import type { PriceChange } from './diff.ts'
import { type PullSources, readSources } from './pull.ts'
import { readSource } from './read-source.ts'
import { type Disagreement, disagreements, secondCatalogue } from './second-catalogue.ts'
import { ratioOf } from './verdict.ts'

/** What a pull would propose, a line each. Writes nothing. */
export async function* diffLines(
  pool: pg.Pool,
  { allowFewer = false, ...sources }: PullSources & { readonly allowFewer?: boolean },
  now: Date,
): AsyncGenerator<string, void, void> {
  const [catalogue, second] = await readSources(sources)
  const { proposed, refused } = await transaction(pool, (client) =>
    comparePrices(client, { catalogue, second, allowFewer, now }),
  )
  for (const proposal of proposed) {
    for (const change of proposal.changes) yield changeLine(proposal, change)
  }
  for (const { path, message } of refused) yield `refused ${path}: ${message}`
  yield `${proposed.length} proposals, ${refused.length} refused · sha256 ${catalogue.digest}`
}

function changeLine({ kind, held }: JudgedChange, change: PriceChange): string {
  const of = (change.next ?? change.old)!
  const ratio = ratioOf(change)?.toDecimalPlaces(4)
  const price = (row: ListPrice | null) => (row ? `${row.unitPrice}/${row.per}` : 'nothing')
  const verdict = held.length === 0 ? 'accepted by itself' : held.join(', ')
  const when = `${change.from ?? 'now'}${change.to === null ? '' : `..${change.to}`}`
  return `${kind} ${subject(of)} ${price(change.old)} -> ${price(change.next)}${ratio ? ` x${ratio}` : ''} from ${when}: ${verdict}`
}

/** Where a second catalogue says something else than the book does now, a line each, as they are found. */
export async function* disagreementLines(
  pool: pg.Pool,
  against: string,
  now: Date,
): AsyncGenerator<string, void, void> {
  const second = readSecond(await readSource(against))
  const says = secondCatalogue(second, await bundledCatalogue())
  const book = await transaction(pool, (client) => catalogueRows(client))
  const at = now.toISOString()
  let count = 0
  let compared = 0
  yield 'provider model meter tier above: ours / theirs per 1M, ratio'
  for (const row of book) {
    const isInForce = row.effectiveFrom <= at && (row.effectiveTo === null || row.effectiveTo > at)
    if (isInForce && says(row, at).length > 0) compared++
    for (const each of disagreements([row], says, at)) {
      count++
      yield disagreementLine(each)
    }
  }
  yield `${count} disagreements on ${compared} prices that both have`
}

function disagreementLine({
  provider,
  model,
  meter,
  serviceTier,
  contextFrom,
  ours,
  theirs,
  ratio,
}: Disagreement): string {
  return `${provider} ${model} ${meter} ${serviceTier} ${contextFrom}: ${ours} / ${theirs}, ${ratio === null ? 'no ratio' : `x${ratio}`}`
}

function subject(row: ListPrice): string {
  const more = [
    row.serviceTier === 'standard' ? '' : row.serviceTier,
    row.region,
    row.contextFrom === '0' ? '' : `>${row.contextFrom}`,
  ]
  return [`${row.provider}/${row.model}`, row.meter, ...more.filter((word) => word !== '')].join(' ')
}
