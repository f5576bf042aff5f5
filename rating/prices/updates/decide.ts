import type pg from 'pg'
import { AforoError } from '../../../core/errors.ts'
import type { ProposalOrder } from '../../../core/price-updates.ts'
import { lockAdjustments, writeAdjustments } from '../../costs/adjust.ts'
import { readBackDated } from '../../costs/back-dated.ts'
import { catalogueRows, completePriced, lockPriceBook } from '../catalogue-book.ts'
import { type ListPrice, seriesOf } from '../list-price.ts'
import { createFindKeys } from '../match.ts'
import { bundledCatalogue } from '../seed.ts'
import { rowsToRecord } from './apply.ts'
import { adjustedEvents } from './effects.ts'
import { proposedOf } from './proposal-document.ts'
import { readProposal, recordDecisions, type StoredProposal } from './proposal-tables.ts'
import { recordCatalogueRows, recordingInstant } from './record-rows.ts'

/**
 * Takes a held proposal in. What lies ahead counts from now on or from its instant; what is back-dated is put into the
 * book for its time, and costs that were booked are adjusted by entries of their own.
 *
 * @param client in a transaction, which the caller commits
 * @throws AforoError `not_found`; `conflict` where it is decided already, or the book says something else by now
 */
export async function approveProposal(client: pg.PoolClient, order: ProposalOrder, now: Date): Promise<void> {
  await lockPriceBook(client)
  const stored = await undecided(client, order.proposalId)
  const at = await recordingInstant(client, now)
  const rows = rowsToRecord(proposedOf(stored), await catalogueRows(client), at.toISOString())
  if (rows === null) {
    throw new AforoError(
      'conflict',
      `the price book has changed since proposal ${order.proposalId} was made; pull again`,
    )
  }
  const priceRowIds = await recordCatalogueRows(client, rows, stored.sourceDigest, at)
  const { proposalId, by, reason } = order
  await recordDecisions(client, [{ proposalId, decision: 'approved', by, reason, priceRowIds }], at)
  if (stored.kind === 'back_dated') await adjustBooked(client, proposalId, at)
  else await completePriced(client, rows, createFindKeys(await bundledCatalogue()), now)
}

/**
 * Adjusts costs that were booked by an approved back-dated price, as far as that is not done yet. Raters that are under
 * way are waited for, and find the price afterwards.
 */
export async function adjustBooked(client: pg.PoolClient, proposalId: string, at: Date): Promise<void> {
  await lockAdjustments(client)
  const backDated = await readBackDated(client)
  const price = backDated.find((each) => each.proposalId === proposalId)
  if (!price) return
  for await (const page of adjustedEvents(client, price, backDated, at))
    await writeAdjustments(client, page, backDated, at)
}

/**
 * Says no to a proposal, or takes back one that was taken in, as long as none of its prices has begun: the book then says
 * again what it said before.
 *
 * @throws AforoError `not_found`; `conflict` where it is rejected already, or has begun
 */
export async function rejectProposal(client: pg.PoolClient, order: ProposalOrder, now: Date): Promise<void> {
  await lockPriceBook(client)
  const stored = await existing(client, order.proposalId)
  const at = await recordingInstant(client, now)
  const { proposalId, by, reason } = order
  if (stored.decision === null) {
    await recordDecisions(client, [{ proposalId, decision: 'rejected', by, reason, priceRowIds: [] }], at)
    return
  }
  if (stored.decision !== 'accepted' && stored.decision !== 'approved') throw decided(stored)
  const priceRowIds = await revoke(client, stored, at)
  await recordDecisions(client, [{ proposalId, decision: 'revoked', by, reason, priceRowIds }], at)
}

/** @returns ids of the rows that say again what was said before */
async function revoke(client: pg.PoolClient, stored: StoredProposal, at: Date): Promise<readonly string[]> {
  const book = await catalogueRows(client)
  const ours = new Set(stored.priceRowIds)
  const rows = book.filter((row) => ours.has(row.priceRowId))
  const instant = at.toISOString()
  if (rows.length === 0 || rows.length < ours.size || rows.some((row) => row.effectiveFrom <= instant)) {
    throw new AforoError(
      'conflict',
      `proposal ${stored.proposalId} has begun, or other prices took its place: it cannot be taken back`,
    )
  }
  const { changes } = proposedOf(stored)
  const before = new Map(
    changes.flatMap(({ next, old }) => (next && old ? [[seriesOf(next), { next, old }] as const] : [])),
  )
  const again: ListPrice[] = []
  const gone: string[] = []
  for (const row of rows) {
    const change = before.get(seriesOf(row))
    // What it was priced by before may be another series, which goes on by itself.
    const isOwn =
      change && book.some((other) => seriesOf(other) === seriesOf(row) && !ours.has(other.priceRowId))
    if (!isOwn) gone.push(row.priceRowId)
    else {
      const { unitPrice, per, feeBasis, minQuantity, roundingQuantity } = change.old
      again.push({ ...row, unitPrice, per, feeBasis, minQuantity, roundingQuantity })
    }
  }
  await client.query(
    'update aforo_store.price_rows set retracted_at = $2 where price_row_id = any ($1::bigint[])',
    [gone, instant],
  )
  return recordCatalogueRows(client, again, stored.sourceDigest, at)
}

async function existing(client: pg.PoolClient, proposalId: string): Promise<StoredProposal> {
  const stored = /^\d{1,18}$/.test(proposalId) ? await readProposal(client, proposalId) : undefined
  if (!stored) throw new AforoError('not_found', `there is no proposal ${proposalId}`)
  return stored
}

async function undecided(client: pg.PoolClient, proposalId: string): Promise<StoredProposal> {
  const stored = await existing(client, proposalId)
  if (stored.decision !== null) throw decided(stored)
  return stored
}

function decided({ proposalId, decision }: StoredProposal): AforoError {
  return new AforoError('conflict', `proposal ${proposalId} is ${decision} already`)
}
