import { Decimal, ZERO } from '../core/money.ts'
import type { ModelShare, ToolShare } from './event-fields.ts'
import type { CostShare, EventDetails, StackLine } from './queries/event-details.ts'

/** What of an event's money is known. */
export interface Known {
  /** The newest revision is rated. */
  readonly rated: boolean
  /** Nothing of the event lacks a price row. */
  readonly allCosts: boolean
  /** The newest revision is rated by a plan. */
  readonly price: boolean
}

/** What each model did and cost, and the rows of the price book that say so; by provider and model. */
export function modelsOf(details: EventDetails, known: Known): ModelShare[] {
  const models: ModelShare[] = []
  const lines = details.lines.filter(
    (line) => line.tool === null && line.part !== 'tools' && line.part !== 'other',
  )
  for (const ofModel of Map.groupBy(lines, nameOfModel).values()) {
    const { provider, model } = ofModel[0]!
    const calls = total(ofModel.map((line) => line.calls)).toNumber()
    // Lines without a model hold what belongs to no call, such as the steps of a plan span; a call is shown whatever.
    if (model === null && calls === 0) continue
    const costs = details.costs.filter(
      (cost) => nameOfModel(cost) === nameOfModel(ofModel[0]!) && cost.tool === null,
    )
    if (calls === 0 && costs.length === 0 && ofModel.every(isNothing)) continue
    models.push({ provider, model, calls, ...moneyOf(ofModel, costs, known), price_row_ids: rowIds(costs) })
  }
  return models
}

/** Tools in the order of their first use, the ones that are only in lines (taken back, or of another revision) last. */
export function toolsOf(
  details: EventDetails,
  used: readonly { name: string; startNano: string }[],
  known: Known,
): ToolShare[] {
  const byStart = [...used].sort((a, b) => compare(BigInt(a.startNano), BigInt(b.startNano)))
  const lines = Map.groupBy(
    details.lines.filter((line) => line.part === 'tools'),
    (line) => line.tool,
  )
  const names = new Set<string | null>([...byStart.map((tool) => tool.name), ...lines.keys()])
  const tools: ToolShare[] = []
  for (const tool of names) {
    const ofTool = lines.get(tool) ?? []
    const costs = details.costs.filter((cost) => cost.part === 'tools' && cost.tool === tool)
    const calls =
      ofTool.length > 0 ? total(ofTool.map((line) => line.quantity)).toNumber() : countOf(byStart, tool)
    if (calls === 0 && ofTool.every(isNothing)) continue
    tools.push({ tool, calls, ...moneyOf(ofTool, costs, known), price_row_ids: rowIds(costs) })
  }
  return tools
}

/** Cost and price of lines, each null where it is not known. */
export function moneyOf(
  lines: readonly StackLine[],
  costs: readonly CostShare[],
  known: Known,
): { cogs: string | null; price: string | null } {
  const isCostKnown = known.rated && (known.allCosts || !costs.some((cost) => cost.isUnpriced))
  const isPriceKnown = known.price && !lines.some((line) => Number(line.uncharged) > 0)
  return {
    cogs: isCostKnown ? total(lines.map((line) => line.cogs)).toFixed() : null,
    price: isPriceKnown ? total(lines.map((line) => line.price)).toFixed() : null,
  }
}

/** Sum of decimal texts. */
export function total(amounts: readonly string[]): Decimal {
  return amounts.reduce((sum, amount) => sum.plus(amount), ZERO)
}

function rowIds(costs: readonly CostShare[]): string[] {
  return [...new Set(costs.flatMap((cost) => cost.priceRowId ?? []))]
}

function isNothing(line: StackLine): boolean {
  return [line.quantity, line.cogs, line.price].every((amount) => new Decimal(amount).isZero())
}

function nameOfModel(line: { provider: string | null; model: string | null }): string {
  return JSON.stringify([line.provider, line.model])
}

function countOf(used: readonly { name: string }[], tool: string | null): number {
  return used.filter((call) => call.name === tool).length
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
