import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { ReconciledBill } from '../../core/vendor-bills.ts'
import { billsOfFile } from '../../rating/prices/bills/bill-files.ts'
import { BILLS_LISTED_MAX, readReconciled, recordBills } from '../../rating/prices/bills/vendor-bills.ts'
import { transaction } from '../../schema/pool.ts'

export interface BillOptions {
  readonly file?: string
  readonly provider?: string
  readonly from?: string
  readonly to?: string
  readonly tenant: string
}

/** A file of bills may have so many. */
export const FILE_BYTES_MAX = 32 * 1024 * 1024

/** What `aforo prices reconcile` prints. Ends with an exit code of 1 where a bill and COGS differ. */
export async function* billLines(
  pool: pg.Pool,
  { file, provider, from, to, tenant }: BillOptions,
  now: Date,
): AsyncGenerator<string, void, void> {
  let count = 0
  let differing = 0
  for await (const bill of reconciled()) {
    count++
    if (!bill.agrees) differing++
    yield billLine(bill)
  }
  yield `${count} bills, ${differing} differ by more than 0.5%`
  if (differing > 0) process.exitCode = 1

  async function* reconciled(): AsyncGenerator<ReconciledBill, void, void> {
    const filter = { provider, from, to }
    if (file === undefined) {
      yield* await transaction(pool, (client) => readReconciled(client, tenant, filter))
      return
    }
    const bills = billsOfFile(await textOf(file), basename(file))
    const ids = await transaction(pool, (client) => recordBills(client, tenant, bills, now))
    for (let at = 0; at < ids.length; at += BILLS_LISTED_MAX) {
      const some = ids.slice(at, at + BILLS_LISTED_MAX)
      yield* await transaction(pool, (client) => readReconciled(client, tenant, filter, some))
    }
  }
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > FILE_BYTES_MAX) {
    throw new AforoError('invalid_argument', `${file} has more than ${FILE_BYTES_MAX} bytes`)
  }
  return readFile(file, 'utf8')
}

function billLine(bill: ReconciledBill): string {
  const { provider, model, from, to, usd, cogs, difference, difference_pct: pct } = bill
  const time = `${from.slice(0, 10)}..${to.slice(0, 10)}`
  const share = pct === null ? '' : ` (${pct}%)`
  const unpriced = bill.unpriced_calls === 0 ? '' : ` · ${bill.unpriced_calls} calls without a price`
  const verdict = bill.agrees ? 'agrees' : `differs by ${difference}${share}`
  return `${provider}${model === null ? '' : `/${model}`} ${time}: charged ${usd}, COGS ${cogs} USD · ${verdict}${unpriced}`
}
