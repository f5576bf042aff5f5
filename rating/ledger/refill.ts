import type pg from 'pg'
import { type CreditHappening, GRANT_PRIORITY_DEFAULT } from '../../core/credits.ts'
import { Decimal, decimalText, ZERO } from '../../core/money.ts'
import type { RecurringGrant, Rollover } from '../../core/plan.ts'
import { instantText } from '../../schema/instant.ts'
import { addGrant, issue, type NewGrant } from '../../schema/ledger/grant.ts'
import type { Wallet } from '../../schema/ledger/wallet.ts'
import { PlanShelf, versionAt } from '../plans/plan-shelf.ts'
import { boundaryAt, type Subscribed } from './recurring.ts'
import { moveOn, readDueOf, readEndedStart, readOverage, readPosted, readSubscribed } from './refills.ts'
import { endedBy, type RolledGrant, rollOver, rolloverPostings } from './rollover.ts'

/** Starts of periods that are gone through for a customer at a time; a century of months. */
export const BOUNDARIES_MAX = 1_200

/**
 * Makes the recurring grants that are due by now, in wallets that are locked. A debit does so before it takes anything:
 * when a grant was made decides nothing that the start of its period should decide.
 * @returns the wallets that something was posted to
 */
export async function refillWallets(
  client: pg.ClientBase,
  wallets: readonly Wallet[],
  now: Date,
): Promise<readonly Wallet[]> {
  const due = await readDueOf(
    client,
    wallets.map(({ key }) => key),
    now,
  )
  const touched: Wallet[] = []
  for (const wallet of wallets) {
    const dueAt = due(wallet.key)
    if (dueAt === null) continue
    const before = wallet.entries
    await refill(client, wallet, dueAt, now)
    if (wallet.entries > before) touched.push(wallet)
  }
  return touched
}

async function refill(client: pg.ClientBase, wallet: Wallet, dueAt: number, now: Date): Promise<void> {
  const subscriptions = await readSubscribed(client, wallet.key)
  const rulesAt = await readRules(client, wallet.key.tenantId, subscriptions)
  const nowMicros = now.getTime() * 1000
  let at: number | null = dueAt
  for (let steps = 0; at !== null && at <= nowMicros && steps < BOUNDARIES_MAX; steps++) {
    const { current, periodEnd, next } = boundaryAt(subscriptions, at)
    const rules = current === null ? [] : rulesAt(current, at)
    if (current !== null && rules.length > 0) {
      const period: Period = { current, start: at, end: periodEnd! }
      const posted = await readPosted(
        client,
        wallet.key,
        rules.map(({ name }) => keyOf(period, name)),
      )
      for (const rule of rules) {
        if (!posted.has(keyOf(period, rule.name))) await makeGrants(client, wallet, rule, period, now)
      }
    }
    at = next
  }
  await moveOn(client, wallet.key, dueAt, at)
}

interface Period {
  readonly current: Subscribed
  /** Microseconds since 1970. */
  readonly start: number
  readonly end: number
}

/** The grant of the period, and before it one with what is carried over. */
async function makeGrants(
  client: pg.ClientBase,
  wallet: Wallet,
  rule: RecurringGrant,
  period: Period,
  now: Date,
): Promise<void> {
  if (rule.rollover) await carryOver(client, wallet, { ...rule, rollover: rule.rollover }, period, now)
  const grant = newGrant(rule, period, { amount: rule.amount, effectiveAt: period.start, rolled: false })
  const { grantId } = await addGrant(client, wallet, grant, now)
  const idempotencyKey = keyOf(period, rule.name)
  const happening: CreditHappening = { kind: 'grant', idempotencyKey, effectiveAt: period.start, event: null }
  wallet.post(happening, [issue(grantId, new Decimal(rule.amount))], now.getTime() * 1000)
}

/**
 * Where the period before had a grant of the rule. The new ones are good for the periods that their credits came
 * through, too: usage told late may have what it would have found.
 */
async function carryOver(
  client: pg.ClientBase,
  wallet: Wallet,
  rule: RecurringGrant & { readonly rollover: Rollover },
  period: Period,
  now: Date,
): Promise<void> {
  const { name, rollover } = rule
  const endedStart = await readEndedStart(client, wallet.key, name, period.start)
  if (endedStart === null) return
  const ended = endedBy(wallet.grants(), name, period.start)
  const overage = rollover.carry_overage
    ? await readOverage(client, wallet.key, endedStart, period.start)
    : ZERO
  const rolled: (RolledGrant & { grantId: string })[] = []
  for (const each of rollOver(ended, rollover, overage, endedStart)) {
    const { amount, effectiveAt } = each
    const grant = newGrant(rule, period, { amount: decimalText(amount), effectiveAt, rolled: true })
    const { grantId } = await addGrant(client, wallet, grant, now)
    rolled.push({ ...each, grantId })
  }
  const idempotencyKey = `rollover:${keyOf(period, name)}`
  const happening: CreditHappening = {
    kind: 'rollover',
    idempotencyKey,
    effectiveAt: period.start,
    event: null,
  }
  wallet.post(happening, rolloverPostings(rolled), now.getTime() * 1000)
}

function newGrant(
  { name, kind = 'promo', priority = GRANT_PRIORITY_DEFAULT, expires }: RecurringGrant,
  { current, start, end }: Period,
  { amount, effectiveAt, rolled }: { amount: string; effectiveAt: number; rolled: boolean },
): NewGrant {
  return {
    amount,
    kind,
    priority,
    effectiveAt: instantText(effectiveAt),
    expiresAt: expires === 'never' ? null : instantText(end),
    refill: {
      subscriptionId: current.subscriptionId,
      rule: name,
      periodStart: instantText(start),
      rolled,
    },
  }
}

function keyOf({ current, start }: Period, rule: string): string {
  return `refill:${current.subscriptionId}:${rule}:${start}`
}

/** Rules of the plan that a subscription has at an instant. */
export async function readRules(
  client: pg.ClientBase,
  tenantId: string,
  subscriptions: readonly Subscribed[],
): Promise<(subscribed: Subscribed, at: number) => readonly RecurringGrant[]> {
  const shelf = new PlanShelf()
  const plans = subscriptions.map(({ planId }) => ({ tenantId, planId }))
  const startsOf = await shelf.readStarts(client, plans)
  const refs = plans.flatMap((plan) => startsOf(plan).map(({ version }) => ({ ...plan, version })))
  const planOf = await shelf.readPlans(client, refs)
  return ({ planId }, at) => {
    const plan = { tenantId, planId }
    const version = versionAt(startsOf(plan), at)
    return version === null ? [] : (planOf({ ...plan, version }).grants ?? [])
  }
}
