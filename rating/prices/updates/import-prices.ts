import type pg from 'pg'
import type { ImportReport } from '../../../core/price-updates.ts'
import { completePriced, lockPriceBook } from '../catalogue-book.ts'
import { seriesOf } from '../list-price.ts'
import { createFindKeys } from '../match.ts'
import { bundledCatalogue } from '../seed.ts'
import { rowsToRecord } from './apply.ts'
import { comparePrices, type ImportOrder, type JudgedChange, type PriceDiff } from './compare.ts'
import { previewEffects } from './effects.ts'
import { fingerprintOf, storedChanges } from './proposal-document.ts'
import {
  addProposals,
  type NewProposal,
  type OpenProposal,
  openProposals,
  recordDecisions,
  recordImport,
  settledFingerprints,
} from './proposal-tables.ts'
import { recordCatalogueRows, recordingInstant } from './record-rows.ts'

/** Who decides where nobody has to. */
const BY_ITSELF = 'aforo'

/**
 * Compares a catalogue with the book and writes down what it proposes. Small changes that lie ahead are taken in at once;
 * all else waits for a person. Any number may run at once: the second finds what the first has written.
 *
 * @param client in a transaction, which the caller commits
 * @throws AforoError `invalid_argument` with the faults by path; nothing is written then
 */
export async function importPrices(client: pg.PoolClient, order: ImportOrder): Promise<ImportReport> {
  const { catalogue: source, second, now } = order
  await lockPriceBook(client)
  const diff = await comparePrices(client, order)
  const { catalogue, refused } = diff
  const importId = await recordImport(client, { source, second, catalogue, refused, now })
  const at = await recordingInstant(client, now)
  const { fresh, gone } = await sort(client, diff, source.name)
  const added: NewProposal[] = []
  for (const proposal of fresh) {
    added.push({
      ...proposal,
      stored: storedChanges(proposal, diff.says, now.toISOString()),
      effects: proposal.kind === 'back_dated' ? await previewEffects(client, proposal, diff.book, at) : [],
    })
  }
  const ids = await addProposals(client, importId, added, now)
  const accepted = added.flatMap((proposal, i) =>
    proposal.held.length === 0 ? [{ proposal, id: ids[i]! }] : [],
  )
  const rows = accepted.map(({ proposal }) => rowsToRecord(proposal, diff.book, at.toISOString()) ?? [])
  const rowIds = [...(await recordCatalogueRows(client, rows.flat(), source.digest, at))]
  const decisions = accepted.map(({ id }, i) => ({
    proposalId: id,
    decision: 'accepted' as const,
    by: BY_ITSELF,
    reason: null,
    priceRowIds: rowIds.splice(0, rows[i]!.length),
  }))
  const superseded = gone.map((proposalId) => ({
    proposalId,
    decision: 'superseded' as const,
    by: BY_ITSELF,
    reason: 'the catalogue no longer says so',
    priceRowIds: [],
  }))
  await recordDecisions(client, [...decisions, ...superseded], at)
  await completePriced(client, rows.flat(), createFindKeys(await bundledCatalogue()), now)
  return {
    import_id: importId,
    source: source.name,
    source_digest: source.digest,
    rows: catalogue.own.length,
    accepted: accepted.length,
    held: added.length - accepted.length,
    superseded: gone.length,
    flags: catalogue.flags,
    refused,
  }
}

/** What is proposed for the first time, and which open proposals of the source the catalogue no longer makes. */
async function sort(
  client: pg.PoolClient,
  { catalogue, proposed }: PriceDiff,
  source: string,
): Promise<{ fresh: readonly (JudgedChange & { fingerprint: string })[]; gone: readonly string[] }> {
  const open = await openProposals(client, source)
  const settled = await settledFingerprints(client)
  const wanted = proposed.map((proposal) => ({ ...proposal, fingerprint: fingerprintOf(proposal) }))
  const stands = new Set(wanted.map(({ fingerprint }) => fingerprint))
  const known = new Set(open.map(({ fingerprint }) => fingerprint))
  // A file that is not complete says nothing of what it does not name.
  const named = new Set(catalogue.own.map(seriesOf))
  const isLookedAt = ({ series }: OpenProposal) =>
    catalogue.complete || series.some((each) => named.has(each))
  return {
    fresh: wanted.filter(({ fingerprint }) => !known.has(fingerprint) && !settled.has(fingerprint)),
    gone: open
      .filter((each) => !stands.has(each.fingerprint) && isLookedAt(each))
      .map(({ proposalId }) => proposalId),
  }
}
