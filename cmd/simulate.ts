import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parse } from 'yaml'
import { simulationFields, simulationOrder } from '../api/simulation-order.ts'
import { type Column, grouped, money, textTable } from '../api/text-table.ts'
import { readConfig } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { faultsOf } from '../core/faults.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import type { SimulatedChange, Simulation } from '../core/simulation.ts'
import { parsePlan } from '../rating/plans/plan.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'
import { createSimulator } from './simulate/simulator.ts'

interface Options {
  readonly tenant: string
  readonly from: string
  readonly to: string
  readonly plan?: string
  readonly planFile?: string
  readonly customer: readonly string[]
  readonly map: Readonly<Record<string, string>>
  readonly tokenRatio?: string
  readonly markupPct?: string
  readonly json?: boolean
}

/** `aforo simulate`: POST /v1/simulations without its bound of events. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('real events under another plan, with other models, or another mark-up; nothing is written')
    .requiredOption('--from <instant>', 'events from this instant on')
    .requiredOption('--to <instant>', 'events before this instant')
    .option('--plan <id[@version]>', 'a stored plan for everybody; default: the plans they are on')
    .option('--plan-file <file>', 'a plan as JSON or YAML')
    .option('--customer <id[=plan[@version]]>', 'only this customer, on this plan; repeatable', collect, [])
    .option(
      '--map <model=model>',
      'calls of one model (a glob) to another; provider/model names its provider',
      collectMap,
      {},
    )
    .option('--token-ratio <ratio|min..max>', 'tokens of a switched call per token it had')
    .option('--markup-pct <percent>', 'what every cost_plus meter adds instead of its own')
    .addOption(new Option('--tenant <id>', 'the tenant of the events').default(DEFAULT_TENANT))
    .option('--json', 'the whole answer, as POST /v1/simulations has it')
    .action(async (options: Options) => {
      const now = new Date()
      const order = simulationOrder(checked(await bodyOf(options)), {
        tenantId: options.tenant,
        now,
        parsePlan,
        eventsMax: null,
      })
      const config = readConfig(process.env)
      const database = await joinDatabase(config, logger(config.log === 'info' ? 'warn' : config.log))
      const stopped = new AbortController()
      process.once('SIGINT', () => stopped.abort())
      try {
        const simulation = await createSimulator(database.url)(order, stopped.signal)
        process.stdout.write(
          options.json ? `${JSON.stringify(simulation, null, 2)}\n` : simulationText(simulation),
        )
      } finally {
        await database.stop()
      }
    })
}

async function bodyOf(options: Options): Promise<unknown> {
  const { from, to, plan, planFile, customer, map, tokenRatio, markupPct } = options
  const [min, max] = (tokenRatio ?? '').split('..')
  return {
    from,
    to,
    ...(planFile !== undefined && { plan: await planIn(planFile) }),
    ...(plan !== undefined && { plan: planChoice(plan) }),
    ...(customer.length > 0 && {
      customers: customer.map((each) => {
        const [id, own] = each.split('=')
        return own === undefined ? id : { customer: id, plan: planChoice(own) }
      }),
    }),
    model_map: map,
    ...(tokenRatio !== undefined && { token_ratio: max === undefined ? min : { min, max } }),
    ...(markupPct !== undefined && { markup_pct: markupPct }),
  }
}

async function planIn(path: string): Promise<unknown> {
  const plan = parse(await readFile(path, 'utf8')) as { readonly plans?: unknown } | null
  if (plan?.plans === undefined) return plan
  throw new AforoError(
    'invalid_argument',
    `${path} is a file of aforo apply: give a file of what stands under one plan's name`,
  )
}

function planChoice(text: string): unknown {
  const [id, version] = text.split('@')
  return version === undefined ? id : { id, version: Number(version) }
}

/** The checks of the REST route. */
function checked(body: unknown) {
  const result = simulationFields.safeParse(body)
  if (result.success) return result.data
  throw new AforoError('invalid_argument', 'cannot be simulated', { faults: faultsOf(result.error.issues) })
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function collectMap(
  value: string,
  before: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const [from, to] = value.split('=')
  if (!from || !to) throw new InvalidArgumentError('must be model=model')
  const [, provider, model] = /^([^/]+)\/(.+)$/.exec(to) ?? []
  return { ...before, [from]: model === undefined ? to : { provider, model } }
}

/** Rows of a table that are shown; `--json` has them all. */
const ROWS_MAX = 30

/** What changed, by customer and model; who pays more comes first. */
export function simulationText({ customers, models, totals, ...counts }: Simulation): string {
  const { events, unattributed_events, unmetered_calls, pending_revisions, booked } = counts
  const told = [
    events === 1 ? '1 event' : `${grouped(String(events))} events`,
    `${grouped(String(unattributed_events))} of nobody who can be charged`,
    `${grouped(String(unmetered_calls))} calls of unknown usage`,
    `${grouped(String(pending_revisions))} revisions not rated yet`,
    `before differs from the books by ${booked.charges_difference} in charges, ${booked.cogs_difference} in COGS`,
  ]
  const byCustomer = customers.map((row) => ({ ...row, name: row.customer ?? '(nobody)' }))
  const byModel = models.map((row) => ({ ...row, name: row.model ?? '(none)' }))
  const all = { ...totals, name: 'total' }
  return [
    textTable(columnsOf('CUSTOMER', totals), [...byCustomer.slice(0, ROWS_MAX), all]),
    more(byCustomer.length),
    textTable(columnsOf('MODEL', totals), [...byModel.slice(0, ROWS_MAX), all]),
    more(byModel.length),
    `${told.join(' · ')}\n`,
  ].join('\n')
}

function more(rows: number): string {
  return rows > ROWS_MAX ? `and ${rows - ROWS_MAX} more\n` : ''
}

function columnsOf(
  head: string,
  { after_high }: SimulatedChange,
): Column<SimulatedChange & { name: string }>[] {
  const right = (head: string, text: (row: SimulatedChange) => string) =>
    ({ head, align: 'right', text }) as const
  const amount = (value: string | null) => (value === null ? 'unknown' : money(value, 'USD'))
  const sides = [
    ['BEFORE', (row: SimulatedChange) => row.before],
    [after_high ? 'LOW' : 'AFTER', (row: SimulatedChange) => row.after],
    ...(after_high ? [['HIGH', (row: SimulatedChange) => row.after_high!] as const] : []),
  ] as const
  return [
    { head, align: 'left', text: (row) => row.name },
    right('CHANGE', (row) => amount(row.revenue_change)),
    ...sides.flatMap(([name, of]) => [
      right(`REVENUE ${name}`, (row) => amount(of(row).revenue)),
      right(`COGS ${name}`, (row) => amount(of(row).cogs)),
      right(`MARGIN % ${name}`, (row) => of(row).margin_pct ?? ''),
      right('UNPRICED', (row) => String(of(row).unpriced_calls)),
    ]),
  ]
}
