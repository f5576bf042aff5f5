import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { PriceNotice } from '../../core/price-updates.ts'
import { readNotices } from '../../rating/prices/notices/read-notices.ts'
import { transaction } from '../../schema/pool.ts'
import { enqueueMessage } from '../../schema/webhooks/enqueue.ts'
import type { Context } from '../context.ts'
import { startTicker, type Ticker } from '../ticker.ts'

/** How often it is looked. The look adds up a month of costs, and what it finds lasts for days. */
const LOOK_MS = 3_600_000

/** Has webhooks told of price notices for as long as the process runs. */
export function startNotices({ pool, log }: Context): Ticker {
  const turn = (now: Date) => tellNotices(pool, now)
  return startTicker(turn, { name: 'price-notices', everyMs: LOOK_MS, backoffMsMax: LOOK_MS, log })
}

/**
 * Tells every tenant that has a webhook what there is to know about prices: each thing once, however often it is looked.
 * @returns how many messages were written, one for each endpoint that takes them
 */
export async function tellNotices(pool: pg.Pool, now: Date): Promise<number> {
  const { rows } = await pool.query<{ tenantId: string }>(
    'select distinct tenant_id as "tenantId" from aforo_store.webhook_endpoints order by 1',
  )
  let told = 0
  for (const { tenantId } of rows) {
    told += await transaction(pool, async (client) => {
      let written = 0
      for (const notice of await readNotices(client, tenantId, now)) {
        const message = {
          tenantId,
          type: 'prices.noticed',
          id: idOf(notice),
          data: { ...notice },
          now,
        } as const
        written += await enqueueMessage(client, message)
      }
      return written
    })
  }
  return told
}

/** What is so since the same instant is the same notice, in whatever words. */
function idOf({ kind, provider, model, proposal_id: proposal, at }: PriceNotice): string {
  const about = JSON.stringify([kind, provider, model, proposal, at])
  return `prices.noticed:${createHash('sha256').update(about).digest('hex').slice(0, 32)}`
}
