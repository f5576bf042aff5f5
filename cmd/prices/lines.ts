import type { Key } from '../../api/cursor.ts'
import { type PriceRow, priceKey } from '../../api/queries/prices.ts'
import type { ListedProposal } from '../../api/queries/proposals.ts'
import { trimNumeric } from '../../core/money.ts'
import type { ImportReport, PriceNotice, StoredTerms } from '../../core/price-updates.ts'

/** What `aforo prices` prints, line by line. */

/** What a pull brought. */
export function* reportLines(report: ImportReport): Generator<string, void, void> {
  for (const { path, message } of report.flags) yield `flag ${path}: ${message}`
  for (const { path, message } of report.refused) yield `refused ${path}: ${message}`
  const { rows, accepted, held, superseded, refused, source, source_digest: digest } = report
  yield `${source}: ${rows} prices, sha256 ${digest}`
  yield `${accepted} accepted, ${held} held, ${superseded} superseded, ${refused.length} refused`
}

export function* noticeLines(notices: readonly PriceNotice[]): Generator<string, void, void> {
  for (const { kind, message } of notices) yield `notice ${kind}: ${message}`
}

type Pages<Row> = (after: string | null) => Promise<readonly Row[]>

/** Proposals with their changes, the newest first, read page by page. */
export async function* proposalLines(pages: Pages<ListedProposal>): AsyncGenerator<string, void, void> {
  let count = 0
  for (let after: string | null = null; ; ) {
    const rows = await pages(after)
    for (const row of rows) {
      count++
      yield* proposalOf(row)
    }
    after = rows.at(-1)?.proposalId ?? null
    if (after === null) break
  }
  yield `${count} proposals`
}

function* proposalOf(row: ListedProposal): Generator<string, void, void> {
  const state = row.decision === null ? `held: ${row.held.join(', ')}` : `${row.decision} by ${row.decidedBy}`
  yield `${row.proposalId} ${row.kind} ${row.provider}/${row.model} · ${state} · ${row.source}`
  for (const change of row.changes) {
    const time = `${change.from ?? 'now'}${change.to === null ? '' : `..${change.to}`}`
    const prices = `${priceOf(change.old)} -> ${priceOf(change.new)}${change.ratio === null ? '' : ` x${change.ratio}`}`
    const second =
      change.second.length === 0 ? '' : ` · second catalogue: ${change.second.join(' or ')} per 1M`
    const tier = change.service_tier === 'standard' ? '' : ` ${change.service_tier}`
    const context = change.context_from === '0' ? '' : ` above ${change.context_from}`
    yield `    ${change.meter}${tier}${change.region === '' ? '' : ` ${change.region}`}${context}: ${prices} from ${time}${second}`
  }
  for (const { tenant, events, customers, usd } of row.effects) {
    yield `    would adjust ${events} events of ${customers} customers by ${usd} USD (tenant ${tenant})`
  }
}

function priceOf(terms: StoredTerms | null): string {
  return terms === null ? 'nothing' : `${terms.unit_price}/${terms.per}`
}

/** Rows of the price book, read page by page. */
export async function* priceLines(
  pages: (after: Key | null) => Promise<readonly PriceRow[]>,
): AsyncGenerator<string, void, void> {
  let count = 0
  for (let after: Key | null = null; ; ) {
    const rows = await pages(after)
    for (const row of rows) {
      count++
      const hours = row.scheduleText === '' ? '' : ` ${row.scheduleText}`
      const context = row.contextFrom === '0' ? '' : ` above ${row.contextFrom}`
      const place = row.region === '' ? '' : ` ${row.region}`
      yield `${row.book} ${row.provider}/${row.model} ${row.meter} ${row.serviceTier}${place}${context}${hours}: ${trimNumeric(row.unitPrice)}/${row.per} ${row.currency} from ${row.effectiveFrom} (${row.source})`
    }
    const last = rows.at(-1)
    if (last === undefined) break
    after = priceKey(last)
  }
  yield `${count} prices`
}
