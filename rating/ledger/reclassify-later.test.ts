import { expect, test } from 'vitest'
import type { OpenGrant } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { Wallet } from '../../schema/ledger/wallet.ts'
import type { LaterDebit } from './later-debits.ts'
import { ROUNDS_MAX, reclassifyLater } from './reclassify-later.ts'

const KEY = { tenantId: 'default', customerId: 'acme' }
const EARLY = 5
const LATE = 20

function grantOf(grantId: string, effectiveAt: number, remaining: number): OpenGrant {
  const amounts = { remaining: new Decimal(remaining), broken: ZERO }
  const rule = { rule: 'monthly', kind: 'promo' as const, priority: 50, isVoid: false }
  return { grantId, ...rule, effectiveAt, expiresAt: null, recordedAt: 0, ...amounts }
}

/**
 * A wallet whose debit says that its grant could pay for early usage, which it cannot: what a round frees is of no use, and
 * the next one would free as much again.
 * @returns how many rounds there were
 */
async function roundsOver(left: number): Promise<number> {
  const grants = [grantOf('used', 10, 0), grantOf('newer', 15, 1_000)]
  const wallet = new Wallet(KEY, { entries: 1, recordedAt: 0, balance: new Decimal(1_000), grants })
  const debit: LaterDebit = {
    entryNo: 1,
    source: 'grant:used',
    left: new Decimal(left),
    at: LATE,
    grant: grantOf('used', 0, 0),
    event: { eventId: 'evt_late', revision: 0, time: '2026-11-23T12:00:00Z' },
  }
  await reclassifyLater(async () => [debit], wallet, new Decimal(1), EARLY, new Date(0))
  const moved = wallet.transactions.flatMap(({ entries }) => entries)
  expect(
    moved.reduce((sum, { destination, amount }) => sum.plus(destination === 'usage' ? amount : 0), ZERO),
  ).toEqual(new Decimal(wallet.transactions.length))
  return wallet.transactions.length
}

test('rounds that free nothing of use end with what there is to free, and with the bound at the latest', async () => {
  expect(await roundsOver(ROUNDS_MAX - 1)).toBe(ROUNDS_MAX - 1)
  expect(await roundsOver(ROUNDS_MAX)).toBe(ROUNDS_MAX)
  expect(await roundsOver(ROUNDS_MAX + 1)).toBe(ROUNDS_MAX)
})
