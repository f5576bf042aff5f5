import type pg from 'pg'
import { createWatcher } from '../../alerts/watcher.ts'
import type { AlertRule } from '../../core/alert.ts'
import type { Budget } from '../../core/budget.ts'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { approveProposal } from '../../rating/prices/updates/decide.ts'
import { importPrices } from '../../rating/prices/updates/import-prices.ts'
import { sourceOfText } from '../../rating/prices/updates/read-source.ts'
import { createRater } from '../../rating/rater.ts'
import { createProjector } from '../../rating/running/projector.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import type { Assemble } from '../../receiver/cut/revision.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { createOpenAssembler } from '../../receiver/open/assemble-open.ts'
import { defineAlertRule } from '../../schema/alerts/define.ts'
import { defineBudget } from '../../schema/budgets/define.ts'
import { completeEvents } from '../../schema/completion.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import { transaction } from '../../schema/pool.ts'
import { storeCustomer, storePlan } from '../rating/events.ts'
import { callOf, metricsOf, NOON_NANO, noon, otherOf, spanIdOf, traceIdOf } from '../support/usages.ts'

const SETTINGS = { quietMs: 2_000, idleMs: 30_000, maxAgeMs: 120_000, spansMax: 100 }
const CHILD = { parentSpanId: spanIdOf('root') }
/** High-entropy, so that two traces that name it saw one call. */
const SEEN_TWICE = 'msg_01XFDUDYJgAACzvnptvVoYEL'

export const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  meters: [
    {
      meter: 'input_tokens',
      model: 'graduated',
      tiers: [
        { up_to: '300', unit_price: '0.01', per: '3' },
        { up_to: null, unit_price: '0.02', per: '7' },
      ],
    },
    { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' },
    { meter: 'tool_calls', model: 'package', package_size: '2', package_price: '0.01' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '33.333' },
  ],
}

const MONTHS: Budget = {
  scope: { customer: '*' },
  unit: 'price',
  limit: '50',
  window: 'month',
  mode: 'hard',
  on_outage: 'bounded',
}
const DAYS: Budget = { ...MONTHS, unit: 'margin_pct', limit: '20', window: 'day' }

/** Aforo without sockets and clocks, at told seconds after noon; by other rules of assembling where some are given. */
export function openBooks(pool: pg.Pool, assembleBy: Assemble = assemble) {
  const metrics = metricsOf()
  const journal = createJournal({ pool, metrics, settings: SETTINGS })
  const cutter = createCutter({ pool, settings: SETTINGS, log: SILENT, assemble: assembleBy, metrics })
  const assembleOpen = createOpenAssembler({ assemble: assembleBy, log: SILENT })
  const rater = createRater({ pool, assembleOpen })
  const projector = createProjector({ pool, assembleOpen })
  return {
    push: (seconds: number, ...usages: readonly Usage[]) => journal.append('default', usages, noon(seconds)),
    cut: (seconds: number) => cutter.cut(noon(seconds)),
    rate: (seconds: number, limit?: number) => rater.rate(noon(seconds), limit),
    project: (seconds: number) => projector.project(noon(seconds)),
    /** Writes an override that counts since long ago, as the API does. */
    price: (seconds: number, provider: string, model: string, meter: string, unitPrice: string) =>
      transaction(pool, async (client) => {
        await client.query(
          `insert into aforo_store.price_rows
             (tenant_id, book, provider, model, meter, unit_price, per, effective_from, recorded_at, source)
           values ('default', 'override', $1, $2, $3, $4, 1, '2020-01-01', $5, 'test')`,
          [provider, model, meter, unitPrice, noon(seconds)],
        )
        await completeEvents(client, 'default', { kind: 'price', provider, model }, noon(seconds))
      }),
    /** Decides how the traces of a product become events, as the API does. */
    group: (seconds: number, product: string, groupBy: string) =>
      pool.query(
        `insert into aforo_store.product_settings (tenant_id, product_id, group_by, recorded_at)
         values ('default', $1, $2, $3)`,
        [product, groupBy, noon(seconds)],
      ),
    /** Writes down whose a trace is, as the API does. */
    name: (seconds: number, trace: string, customer: string) =>
      transaction(pool, async (client) => {
        const traceId = traceIdOf(trace)
        await client.query(
          `insert into aforo_store.attributions (tenant_id, trace_id, customer_id, recorded_at)
           values ('default', $1, $2, $3)`,
          [Buffer.from(traceId, 'hex'), customer, noon(seconds)],
        )
        await completeEvents(client, 'default', { kind: 'trace', traceId }, noon(seconds))
      }),
  }
}

/** Of which initech gets three credits each month. */
const CREDITED = {
  ...PLAN,
  bill_as: 'credits',
  grants: [{ name: 'monthly', amount: '3', rollover: { max: '2' } }],
}

/** Credits of initech: of a plan, bought, expired, taken back, asked for. Its usage comes with the other traces. */
async function fillWallet(pool: pg.Pool): Promise<void> {
  await storePlan(pool, 'credited', CREDITED)
  await storeCustomer(pool, 'initech')
  await pool.query(
    `insert into aforo_store.subscriptions
       (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ('default', 'initech', 'credited', '2026-10-01T00:00:00Z', 'UTC', 1, '2026-10-01T00:00:00Z')`,
  )
  const wallet = { tenantId: 'default', customerId: 'initech' }
  const grant = { amount: '4', kind: 'paid' as const, priority: 9, effectiveAt: null }
  const give = (expiresAt: string | null) =>
    transaction(pool, (client) => recordGrant(client, wallet, { ...grant, expiresAt }, noon(-7_200)))
  await give(null)
  await give(noon(-3_600).toISOString())
  const voided = await give(null)
  await transaction(pool, (client) => voidGrant(client, wallet, voided, noon(-3_600)))
  await pool.query(
    `insert into aforo_store.credit_top_up_rules
     values ('default', 'initech', 20, 100, 5, 86400, 3600, null, $1)`,
    [noon(-3_600)],
  )
  await expireDue(pool, noon(-3_600))
}

/** A catalogue that dates another price back to before the usage, and a person who believes it. */
async function backDate(pool: pg.Pool): Promise<void> {
  const of = { provider: 'anthropic', model: 'claude-sonnet-4-5', meter: 'output' }
  const since = noon(-3_600).toISOString()
  const prices = [
    { ...of, unit_price: '15', effective_to: since },
    { ...of, unit_price: '14', effective_from: since },
  ]
  const catalogue = sourceOfText('list.json', JSON.stringify({ prices }))
  await transaction(pool, (client) => importPrices(client, { catalogue, second: null, now: noon(9.2) }))
  const { rows } = await pool.query<{ id: string }>(
    `select proposal_id::text as id from aforo_store.price_proposals where kind = 'back_dated'`,
  )
  const order = { proposalId: rows[0]!.id, by: 'ada', reason: 'their price list' }
  await transaction(pool, (client) => approveProposal(client, order, noon(9.4)))
}

/**
 * Books with something of everything: late spans, tools, prices and a customer that come later, calls without usage,
 * price or customer, a call that two traces saw, and a trace and a revision that still wait.
 */
export async function fillBooks(pool: pg.Pool, assembleBy: Assemble = assemble): Promise<void> {
  await seedPriceBook(pool, noon(-86_400))
  await storePlan(pool, 'team', PLAN)
  for (const customer of ['acme', 'globex']) await storeCustomer(pool, customer, 'team')
  await transaction(pool, (client) => defineBudget(client, 'default', 'months', MONTHS, noon(-86_400)))
  await transaction(pool, (client) => defineBudget(client, 'default', 'days', DAYS, noon(-86_400)))
  await fillWallet(pool)
  const books = openBooks(pool, assembleBy)
  await books.price(-3_600, 'tool', 'db.query', 'tool_call', '0.0003')
  await books.push(
    0,
    callOf('late', 'root', { quantities: { web_searches: 2, accepted_prediction_tokens: 3 } }),
    callOf('late', 'call', {
      ...CHILD,
      anomalies: [{ kind: 'bad_number', spanId: spanIdOf('call'), reason: 'negative' }],
    }),
    toolOf('late', 'tool'),
    otherOf('late', 'other', CHILD),
    callOf('credits', 'root', { customer: 'initech' }),
    callOf('globex', 'root', { customer: 'globex', startNano: NOON_NANO + 1n }),
    callOf('unpriced', 'root', { provider: 'house', requestModel: 'own-1', responseModel: 'own-1' }),
    callOf('priced', 'root', { provider: 'house', requestModel: 'own-2', responseModel: 'own-2' }),
    callOf('nobody', 'root', { customer: null }),
    callOf('named', 'root', { customer: null }),
    callOf('unmetered', 'root', { metered: false, usageClass: 'call' }),
    callOf('client', 'root', { responseId: SEEN_TWICE }),
    callOf('gateway', 'root', {
      responseId: SEEN_TWICE,
      scopeName: 'gateway',
      serviceName: 'gateway',
      customer: null,
      kind: 'server',
    }),
  )
  await books.cut(2)
  await books.rate(2)
  // What is booked keeps its price, what comes later has the new one.
  await books.price(4, 'anthropic', 'claude-sonnet-4-5', 'input_uncached', '0.5')
  for (const meter of ['input_uncached', 'output']) await books.price(4, 'house', 'own-2', meter, '0.1')
  await books.name(5, 'named', 'globex')
  await books.push(
    5,
    callOf('late', 'later', { ...CHILD, startNano: NOON_NANO - 5n }),
    toolOf('late', 'tool 2'),
    callOf('credits', 'later', { ...CHILD, customer: 'initech', startNano: NOON_NANO - 5n }),
  )
  for (const seconds of [7, 8, 9]) {
    await books.cut(seconds)
    await books.rate(seconds)
  }
  await backDate(pool)
  await fillSessions(books)
  await books.push(50, callOf('waiting', 'root'))
  await books.cut(52)
  await books.push(53, callOf('due', 'root'))
  while ((await books.project(54)) > 0);
  await fillAlerts(pool)
}

/** Alerts of calls without a price: of one rule that warns, and of one that does not any more. */
async function fillAlerts(pool: pg.Pool): Promise<void> {
  const rule: AlertRule = {
    kind: 'unpriced_share',
    scope: {},
    window: 'day',
    warn: '0.001',
    clear_by: '0',
    judge_from: '1',
    least_seconds: 0,
    tell_seconds: 60,
    kill: false,
  }
  const define = (id: string, fields: Partial<AlertRule>, seconds: number) =>
    transaction(pool, (client) =>
      defineAlertRule(client, 'default', id, { ...rule, ...fields }, noon(seconds)),
    )
  const watcher = createWatcher({ pool, log: SILENT })
  for (const id of ['unpriced', 'relaxed']) await define(id, {}, 55)
  await watcher.watch(noon(56))
  await define('relaxed', { warn: '1' }, 57)
  await watcher.watch(noon(57))
}

/** Sessions: of several traces, with one that comes over late, one that leaves, and one that nobody owns at first. */
async function fillSessions(books: ReturnType<typeof openBooks>): Promise<void> {
  const bot = { product: 'bot', session: 'chat' }
  const under = { parentSpanId: spanIdOf('unseen') }
  await books.group(9, 'bot', 'session')
  await books.push(
    10,
    callOf('turn 1', 'turn 1', { ...bot, startNano: NOON_NANO + 7n }),
    callOf('turn 2', 'turn 2', { ...bot, provider: 'house', requestModel: 'own-1', responseModel: 'own-1' }),
    callOf('over', 'over', under),
    callOf('leaves', 'leaves', { ...bot, ...under }),
    callOf('owned', 'owned', { ...bot, customer: null }),
  )
  await books.cut(12)
  await books.cut(40)
  await books.rate(40)
  await books.push(
    41,
    otherOf('over', 'unseen', bot),
    otherOf('leaves', 'unseen', { product: 'other' }),
    callOf('turn 3', 'turn 3', { ...bot, metered: false }),
  )
  await books.name(42, 'owned', 'acme')
  await books.price(42, 'house', 'own-1', 'output', '0.1')
  for (const seconds of [45, 46]) {
    await books.cut(seconds)
    await books.rate(seconds)
  }
}

function toolOf(trace: string, span: string): Usage {
  return otherOf(trace, span, { ...CHILD, usageClass: 'tool', toolName: 'db.query', toolType: 'function' })
}
