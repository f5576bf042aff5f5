import { z } from 'zod'
import { AforoError, type FieldFault } from '../../../core/errors.ts'
import { Decimal, decimalText, parseDecimal, ZERO } from '../../../core/money.ts'
import type { VendorBill } from '../../../core/vendor-bills.ts'
import { readCsv } from './csv.ts'

/** Bills of one file. */
export const BILLS_MAX = 10_000
/** More for one of them is a slip of the pen. */
const BILL_USD_MAX = new Decimal('1000000000')

const COLUMNS = ['provider', 'model', 'day', 'month', 'from', 'to', 'usd'] as const
type Column = (typeof COLUMNS)[number]

/**
 * Bills as a file has them: CSV with the columns `provider`, `usd` and `day`, `month` or `from` and `to` (`model` where
 * it is of some models), or what OpenAI's `/v1/organization/costs` or Anthropic's `/v1/organizations/cost_report`
 * answer, one page or a list of them. What says the same twice over is added up.
 *
 * @param source how the file is told from others
 * @throws AforoError `invalid_argument`, with a fault for each row that cannot be read
 */
export function billsOfFile(text: string, source: string): readonly VendorBill[] {
  const bills = /^\s*[[{]/.test(text) ? billsOfReport(text, source) : billsOfCsv(text, source)
  const sums = new Map<string, VendorBill>()
  for (const bill of bills) {
    const name = JSON.stringify([bill.provider, bill.model, bill.from, bill.to])
    const usd = new Decimal(sums.get(name)?.usd ?? 0).plus(bill.usd)
    sums.set(name, { ...bill, usd: decimalText(usd) })
  }
  if (sums.size > BILLS_MAX) refuse([{ path: '', message: `must have at most ${BILLS_MAX} bills` }])
  refuse(
    [...sums.values()]
      .filter(({ usd }) => new Decimal(usd).isNegative() || new Decimal(usd).greaterThan(BILL_USD_MAX))
      .map(({ provider, from, usd }) => ({
        path: '',
        message: `${provider} from ${from}: ${usd} is not from 0 to ${BILL_USD_MAX}`,
      })),
  )
  return [...sums.values()]
}

function billsOfCsv(text: string, source: string): readonly VendorBill[] {
  const [header = [], ...rows] = readCsv(text)
  const columns = header.map((name) => name.trim().toLowerCase())
  const unknown = columns.filter((name) => !(COLUMNS as readonly string[]).includes(name))
  refuse(unknown.map((name) => ({ path: '/header', message: `${name} is none of ${COLUMNS.join(', ')}` })))
  const faults: FieldFault[] = []
  const bills = rows.flatMap((row, no): VendorBill[] => {
    const at = (column: Column) => row[columns.indexOf(column)]?.trim() || undefined
    const fault = (message: string) => {
      faults.push({ path: `/${no + 2}`, message })
      return []
    }
    if (row.length !== columns.length) return fault(`has ${row.length} fields, not ${columns.length}`)
    const provider = at('provider')
    if (provider === undefined) return fault('names no provider')
    const usd = parseDecimal(at('usd') ?? '')
    if (usd === null) return fault('usd must be a decimal number like 12.34')
    const time = timeOf(at('day'), at('month'), at('from'), at('to'))
    if (time === null) return fault('must have a day (2026-11-23), a month (2026-11), or from and to')
    return [{ provider, model: at('model') ?? null, ...time, usd: decimalText(usd), source }]
  })
  refuse(faults)
  return bills
}

const DAY = /^\d{4}-\d\d-\d\d$/
const MONTH = /^\d{4}-\d\d$/

function timeOf(day?: string, month?: string, from?: string, to?: string) {
  if (day !== undefined && DAY.test(day))
    return timeFrom(day, (start) => start.setUTCDate(start.getUTCDate() + 1))
  if (month !== undefined && MONTH.test(month))
    return timeFrom(`${month}-01`, (start) => start.setUTCMonth(start.getUTCMonth() + 1))
  if (from === undefined || to === undefined) return null
  const [start, end] = [Date.parse(from), Date.parse(to)]
  return start < end ? { from: new Date(start).toISOString(), to: new Date(end).toISOString() } : null
}

function timeFrom(day: string, goOn: (start: Date) => number) {
  const start = new Date(`${day}T00:00:00.000Z`)
  if (Number.isNaN(start.getTime())) return null
  const from = start.toISOString()
  return { from, to: new Date(goOn(start)).toISOString() }
}

const usd = z.string().refine((text) => text.toLowerCase() === 'usd', 'must be USD')

/** OpenAI's: instants in seconds, amounts in dollars. */
const OPENAI = z.object({
  data: z.array(
    z.object({
      start_time: z.int(),
      end_time: z.int(),
      results: z.array(
        z.object({ amount: z.object({ value: z.union([z.number(), z.string()]), currency: usd }) }),
      ),
    }),
  ),
  has_more: z.boolean(),
})

/** Anthropic's: amounts in cents, as decimal text. */
const ANTHROPIC = z.object({
  data: z.array(
    z.object({
      starting_at: z.iso.datetime({ offset: true }),
      ending_at: z.iso.datetime({ offset: true }),
      results: z.array(z.object({ amount: z.string(), currency: usd })),
    }),
  ),
  has_more: z.boolean(),
})

function billsOfReport(text: string, source: string): readonly VendorBill[] {
  const pages = z.array(z.unknown()).parse([parsed(text)].flat())
  const openai = z.array(OPENAI).safeParse(pages)
  const anthropic = z.array(ANTHROPIC).safeParse(pages)
  const read = openai.success ? openai.data : anthropic.success ? anthropic.data : null
  if (read === null || read.length === 0)
    throw refusal([{ path: '', message: 'is no cost report of OpenAI or Anthropic, and no CSV' }])
  if (read.at(-1)?.has_more)
    throw refusal([{ path: '', message: 'has more pages: give all of them, as a list' }])
  if (openai.success) {
    return openai.data.flatMap(({ data }) =>
      data.map(({ start_time, end_time, results }) => ({
        ...{ provider: 'openai', model: null, source },
        from: new Date(start_time * 1000).toISOString(),
        to: new Date(end_time * 1000).toISOString(),
        usd: decimalText(sumOf(results.map(({ amount }) => amount.value))),
      })),
    )
  }
  return (anthropic.data ?? []).flatMap(({ data }) =>
    data.map(({ starting_at, ending_at, results }) => ({
      ...{ provider: 'anthropic', model: null, source },
      from: new Date(starting_at).toISOString(),
      to: new Date(ending_at).toISOString(),
      usd: decimalText(sumOf(results.map(({ amount }) => amount)).div(100)),
    })),
  )
}

/** Reports tell amounts in more digits than anybody pays. */
function sumOf(amounts: readonly (string | number)[]): Decimal {
  return amounts.reduce<Decimal>((sum, amount) => {
    try {
      return sum.plus(String(amount))
    } catch {
      throw refusal([{ path: '', message: `${amount} is no amount` }])
    }
  }, ZERO)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw refusal([{ path: '', message: (error as Error).message }])
  }
}

function refuse(faults: readonly FieldFault[]): void {
  if (faults.length > 0) throw refusal(faults)
}

function refusal(faults: readonly FieldFault[]): AforoError {
  const told = faults.slice(0, 20).map(({ path, message }) => `${path} ${message}`.trim())
  return new AforoError('invalid_argument', `bills: ${told.join('; ')}`, { faults })
}
