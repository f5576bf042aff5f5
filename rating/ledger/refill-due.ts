import type pg from 'pg'
import type { Log } from '../../core/log.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import { transaction } from '../../schema/pool.ts'
import { refillWallets } from './refill.ts'
import { putOff, readDue } from './refills.ts'

/** Customers of one turn. */
export const REFILL_BATCH_MAX = 100

const PUT_OFF_MS = 60_000

/**
 * Makes the recurring grants that are due, customer by customer. Any number of processes may do it at once, and it
 * catches up with what fell due while none did.
 * @returns how many customers were gone through
 */
export async function refillDue(pool: pg.Pool, log: Log, now: Date): Promise<number> {
  let done = 0
  for (const key of await readDue(pool, now, REFILL_BATCH_MAX)) {
    try {
      await transaction(pool, async (client) => {
        const wallet = (await lockWallets(client, [key]))(key)
        await writeWallets(client, await refillWallets(client, [wallet], now))
      })
      done++
    } catch (error) {
      log.error({ err: error, ...key }, 'recurring grants could not be made, will be tried again')
      await putOff(pool, key, new Date(now.getTime() + PUT_OFF_MS))
    }
  }
  return done
}
