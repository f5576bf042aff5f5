import type pg from 'pg'
import { Counter, type Registry } from 'prom-client'
import { ALERT_KINDS, type AlertKind, type AlertRule } from '../core/alert.ts'
import { AforoError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { transaction } from '../schema/pool.ts'
import { type Change, changesOf } from './changes.ts'
import { observeBudgets } from './observe/budgets.ts'
import { observeMargins, observeUnmetered, observeUnpriced } from './observe/lines.ts'
import { type Look, levelsOf, type OpenState, type Seen } from './observe/observation.ts'
import { observeSpend } from './observe/spend.ts'
import { observeWallets } from './observe/wallets.ts'
import { tellAlerts, tellableAt } from './tell.ts'
import { claimWatch, everyMs, readOpen, restWatch, snapshotTx, type Watch, writeWatch } from './watch.ts'
import { writeChanges } from './write.ts'

/** Rules of one turn. */
const RULES_PER_TURN_MAX = 20
/** A rule that cannot be looked at is tried again then; the others go on. */
const PUT_OFF_MS = 60_000
/** How often everything is looked at that a rule otherwise looks at when it changed. */
const FULL_EVERY_MS = 300_000
/** A look that adds up for longer is given up. */
const LOOK_MS_MAX = 30_000

const OBSERVERS: Readonly<Record<AlertKind, (look: Look) => Promise<Seen>>> = {
  quota: observeBudgets,
  budget_tripped: observeBudgets,
  wallet_low: observeWallets,
  margin_below: observeMargins,
  unpriced_share: observeUnpriced,
  unmetered_share: observeUnmetered,
  spend_anomaly: observeSpend,
}

interface WatcherDeps {
  readonly pool: pg.Pool
  readonly log: Log
  readonly registry?: Registry
}

interface Watcher {
  /**
   * Looks at rules that are due. Each in a transaction of its own, in which its states, their alerts and the messages
   * about them are written: a process that dies leaves all of it or nothing. Any number of processes may do it at once.
   * @returns how many rules were looked at
   */
  watch(now: Date): Promise<number>
}

export function createWatcher({ pool, log, registry }: WatcherDeps): Watcher {
  const registers = registry === undefined ? [] : [registry]
  const changed = new Counter({
    name: 'aforo_alert_changes_total',
    help: 'Changes of the states of alert rules',
    labelNames: ['state'],
    registers,
  })
  const looked = new Counter({
    name: 'aforo_alert_looks_total',
    help: 'Looks at alert rules',
    labelNames: ['outcome'],
    registers,
  })
  return {
    async watch(now) {
      let done = 0
      for (; done < RULES_PER_TURN_MAX; done++) {
        const changes = await lookAtNext(pool, log, now)
        if (changes === null) break
        looked.inc({ outcome: changes === 'failed' ? 'failed' : 'done' })
        if (changes !== 'failed') for (const { state } of changes) changed.inc({ state })
      }
      return done
    },
  }
}

/** @returns null where no rule is due */
async function lookAtNext(pool: pg.Pool, log: Log, now: Date): Promise<readonly Change[] | 'failed' | null> {
  let watch: Watch | null = null
  try {
    return await transaction(pool, async (client) => {
      watch = await claimWatch(client, now)
      return watch === null ? null : await lookAt(client, watch, now)
    })
  } catch (error) {
    const isPassing = error instanceof AforoError && error.code === 'unavailable'
    if (watch === null || isPassing) throw error
    const { tenantId, ruleId } = watch as Watch
    log.error({ err: error, tenant: tenantId, rule: ruleId }, 'an alert rule could not be looked at')
    await putOff(pool, watch, (error as Error).message, now)
    return 'failed'
  }
}

async function lookAt(client: pg.PoolClient, watch: Watch, now: Date): Promise<readonly Change[]> {
  await client.query(`set local statement_timeout = ${LOOK_MS_MAX}`)
  const open = await readOpen(client, watch)
  const seenTx = await snapshotTx(client)
  const { rule } = watch
  const { changes, leftOut } =
    rule === null ? { changes: open.map(endedOf), leftOut: 0 } : await observe(client, watch, rule, open, now)
  const alerts = await writeChanges(client, watch, changes, now)
  const hasTold = await tellAlerts(client, watch, alerts, now)
  const dueAt = dueNext(watch, hasTold, now)
  const fullAt = watch.fullAt ?? new Date(now.getTime() + FULL_EVERY_MS)
  await writeWatch(client, watch, { dueAt, alerts, hasTold, seenTx, fullAt, leftOut }, now)
  if (rule === null && hasTold) await restWatch(client, watch)
  return changes
}

async function observe(
  client: pg.PoolClient,
  { tenantId, seenTx }: Watch,
  rule: AlertRule,
  open: readonly OpenState[],
  now: Date,
): Promise<ReturnType<typeof changesOf>> {
  const levels = levelsOf(rule, ALERT_KINDS[rule.kind].direction)
  const { observations, unseen } = await OBSERVERS[rule.kind]({
    client,
    tenantId,
    rule,
    levels,
    open,
    now,
    seenTx,
  })
  const found = changesOf(observations, open, levels, rule.least_seconds * 1000, now.getTime())
  return { ...found, leftOut: found.leftOut + unseen }
}

/** What is not told yet is due when it may be told. */
function dueNext(watch: Watch, hasTold: boolean, now: Date): Date {
  const looks = watch.rule === null ? [] : [now.getTime() + everyMs(watch.rule)]
  const tells = hasTold ? [] : [tellableAt(watch).getTime()]
  return new Date(Math.min(...looks, ...tells, now.getTime() + 3_600_000))
}

function endedOf({ subject, state }: OpenState): Change {
  const nothing = { about: null, value: null, threshold: null, figures: {} }
  return { subject, previous: state, state: 'ok', reason: 'rule_ended', ...nothing }
}

async function putOff(pool: pg.Pool, { tenantId, ruleId }: Watch, failure: string, now: Date): Promise<void> {
  await pool.query(
    `update aforo_store.alert_watches set due_at = $3, failure = $4 where tenant_id = $1 and rule_id = $2`,
    [tenantId, ruleId, new Date(now.getTime() + PUT_OFF_MS), failure.slice(0, 500)],
  )
}
