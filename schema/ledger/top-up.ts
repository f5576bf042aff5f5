import { createHash } from 'node:crypto'
import type pg from 'pg'
import { paysFor } from '../../core/credits.ts'
import { Decimal, decimalText, ZERO } from '../../core/money.ts'
import { decideTopUp, type TopUpDecision, type TopUpRule } from '../../core/top-up.ts'
import { instantText, microsOf } from '../instant.ts'
import { enqueueMessage } from '../webhooks/enqueue.ts'
import type { Wallet, WalletKey } from './wallet.ts'

/** Requests within a window that a rule may allow; so many are looked back over. */
export const TOP_UP_REQUESTS_MAX = 100

interface StoredRule extends TopUpRule {
  readonly key: WalletKey
  readonly checkAt: number | null
  readonly requests: number
  readonly asked: readonly number[]
}

/**
 * Asks for credits where a wallet that is locked has run low and a rule says so: a message and a row of
 * `credit_top_up_requests`, in the transaction that took the credits. Nobody else can ask for the same customer
 * meanwhile, so one fall below the threshold is one request, however many debits see it.
 */
export async function requestTopUps(
  client: pg.ClientBase,
  wallets: readonly Wallet[],
  nowMicros: number,
): Promise<void> {
  for (const rule of await readRules(client, wallets)) {
    const wallet = wallets.find(({ key }) => isSame(key, rule.key))!
    const now = Math.max(nowMicros, wallet.recordedAt)
    const balance = wallet
      .grants()
      .filter((grant) => paysFor(grant, now))
      .reduce((sum, { remaining }) => sum.plus(remaining), ZERO)
    const decision = decideTopUp(rule, balance, rule.asked, now)
    if (decision.kind === 'ask') await ask(client, rule, balance, now)
    const checkAt = nextCheck(decision, rule, now)
    if (checkAt !== rule.checkAt) await setCheckAt(client, rule.key, checkAt)
  }
}

/** When to look again though nobody takes anything; null: not before something moves. */
function nextCheck(decision: TopUpDecision, { cooldownSeconds }: TopUpRule, now: number): number | null {
  switch (decision.kind) {
    case 'enough':
      return null
    case 'wait':
      return decision.until
    case 'ask':
      return now + Math.max(1, cooldownSeconds) * 1_000_000
  }
}

async function ask(client: pg.ClientBase, rule: StoredRule, balance: Decimal, now: number): Promise<void> {
  const { tenantId, customerId } = rule.key
  const requestNo = rule.requests + 1
  const name = JSON.stringify([tenantId, customerId, requestNo])
  const requestId = `topup_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`
  const amounts = [balance, rule.threshold, rule.amount].map(decimalText)
  await client.query(
    `insert into aforo_store.credit_top_up_requests
       (tenant_id, customer_id, request_no, request_id, balance, threshold, amount, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [tenantId, customerId, requestNo, requestId, ...amounts, instantText(now)],
  )
  const data = {
    request_id: requestId,
    customer: customerId,
    balance: amounts[0],
    threshold: amounts[1],
    amount: amounts[2],
  }
  await enqueueMessage(client, {
    tenantId,
    type: 'credits.top_up_requested',
    data,
    id: requestId,
    now: new Date(Math.floor(now / 1000)),
  })
}

async function readRules(client: pg.ClientBase, wallets: readonly Wallet[]): Promise<readonly StoredRule[]> {
  const { rows } = await client.query<RuleRow>({
    name: 'ledger-top-up-rules',
    text: `select rule.tenant_id, rule.customer_id, threshold::text as threshold, amount::text as amount, requests_max,
         window_seconds, cooldown_seconds, ${microsOf('check_at')} as check_at, requests.count::int as requests,
         array(
           select ${microsOf('recorded_at')} from aforo_store.credit_top_up_requests request
           where request.tenant_id = rule.tenant_id and request.customer_id = rule.customer_id
           order by request_no desc limit ${TOP_UP_REQUESTS_MAX}) as asked
       from unnest($1::text[], $2::text[]) as key (tenant_id, customer_id)
       join aforo_store.credit_top_up_rules rule using (tenant_id, customer_id)
       cross join lateral (
         select coalesce(max(request_no), 0) as count from aforo_store.credit_top_up_requests request
         where request.tenant_id = rule.tenant_id and request.customer_id = rule.customer_id) requests
       order by 1, 2`,
    values: [wallets.map(({ key }) => key.tenantId), wallets.map(({ key }) => key.customerId)],
  })
  return rows.map((row) => ({
    key: { tenantId: row.tenant_id, customerId: row.customer_id },
    threshold: new Decimal(row.threshold),
    amount: new Decimal(row.amount),
    requestsMax: row.requests_max,
    windowSeconds: row.window_seconds,
    cooldownSeconds: row.cooldown_seconds,
    checkAt: row.check_at === null ? null : Number(row.check_at),
    requests: row.requests,
    asked: row.asked.map(Number),
  }))
}

interface RuleRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly threshold: string
  readonly amount: string
  readonly requests_max: number
  readonly window_seconds: number
  readonly cooldown_seconds: number
  readonly check_at: string | null
  readonly requests: number
  readonly asked: readonly string[]
}

async function setCheckAt(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
  checkAt: number | null,
): Promise<void> {
  await client.query(
    `update aforo_store.credit_top_up_rules set check_at = $3 where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId, checkAt === null ? null : instantText(checkAt)],
  )
}

function isSame(a: WalletKey, b: WalletKey): boolean {
  return a.tenantId === b.tenantId && a.customerId === b.customerId
}
