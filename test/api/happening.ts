import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { metricsOf, noon } from '../support/usages.ts'
import type { RunningApi } from './start.ts'

/** What happens behind an API, one thing after the other, each twenty seconds later, and the instant of the last of it. */
export function happening(api: () => RunningApi) {
  let now = 10
  /** Journals usages, then cuts and rates whatever is due by then. */
  async function happen(...usages: Usage[]): Promise<void> {
    const { pool } = api().database
    const metrics = metricsOf()
    now += 10
    if (usages.length > 0) await createJournal({ pool, metrics }).append('default', usages, noon(now))
    now += 10
    const cutter = createCutter({ pool, settings: CUT_DEFAULTS, log: SILENT, assemble, metrics })
    while ((await cutter.cut(noon(now))) > 0);
    await createRater({ pool }).rate(noon(now))
  }
  return { happen, instant: () => noon(now) }
}
