import { pullDue } from '../../rating/prices/updates/pull.ts'
import type { Context } from '../context.ts'
import { startTicker, type Ticker } from '../ticker.ts'

/** How often it is looked whether a pull is due. A source that is away is tried again after this, then less and less often. */
const LOOK_MS = 60_000
const AWAY_MS_MAX = 3_600_000

/** Pulls the catalogue of the settings every so many hours; null where the settings want none. */
export function startScheduledPull({ config, pool, log }: Context): Ticker | null {
  const { priceSource: source, priceCrossCheck: against, pricePullHours: hours } = config
  if (hours === 0) return null
  return startTicker(
    async (now) => {
      const report = await pullDue(pool, { source, against }, hours, now)
      if (report) {
        const { flags, refused, ...counts } = report
        log.info({ ...counts, flags: flags.length, refused: refused.length }, 'price catalogue pulled')
      }
      return 0
    },
    { name: 'price-pull', everyMs: LOOK_MS, backoffMsMax: AWAY_MS_MAX, log },
  )
}
