import { Decimal } from '../core/money.ts'
import type { BillableEvent } from './event-fields.ts'
import { grouped, money, printable } from './text-table.ts'

/** Characters of a line but its last column, and of the whole line. */
const TEXT_AND_QUANTITY = 45
const WIDTH = 66

const TAGS = {
  prompt: 'PROMPT',
  reasoning: 'REASON',
  tools: 'TOOL',
  output: 'OUTPUT',
  other: 'OTHER',
} as const

/**
 * The anatomy of an event as a table of text: what went in, what was thought, done and said, and what it made. Pure.
 *
 * The wording of a part does not change with what was observed: `Response generated + streamed` names the part, spans
 * do not tell reliably whether an answer was streamed. A dash stands where an amount is not known.
 */
export function anatomy(event: BillableEvent): string {
  const lines = event.stack.map((part, i) =>
    line(
      String(i + 1).padStart(2, '0'),
      TAGS[part.part],
      textOf(event, part),
      quantityOf(part),
      part.price,
      event.currency,
    ),
  )
  const tokens = new Decimal(event.usage.input_tokens)
    .plus(event.usage.output_tokens)
    .plus(event.usage.embedding_tokens)
  const text = [
    `Agent trace · ${printable(event.session ?? event.trace_id)}`.padEnd(WIDTH - 1),
    ...lines,
    line('Σ', 'BILLED', 'Aggregated billable event', `${grouped(tokens)} tk `, event.price, event.currency),
    margin(event),
  ]
  return `${text.join('\n')}\n`
}

type Stack = BillableEvent['stack'][number]

function line(
  no: string,
  tag: string,
  text: string,
  quantity: string,
  price: string | null,
  currency: string | null,
): string {
  const room = TEXT_AND_QUANTITY - (quantity === '' ? 0 : quantity.length + 2)
  const middle = cut(text, room) + quantity.padStart(TEXT_AND_QUANTITY - Math.min(text.length, room))
  const amount = price === null ? '—' : money(price, currency ?? 'USD')
  return `${no.padEnd(4)}${tag.padEnd(8)}${middle}${amount.padStart(WIDTH - 12 - TEXT_AND_QUANTITY)}`
}

function textOf(event: BillableEvent, part: Stack): string {
  switch (part.part) {
    case 'prompt':
      return 'System + user context injected'
    case 'reasoning':
      return `Chain-of-thought: ${counted(part.quantity, 'step')}`
    case 'tools':
      return toolNames(event, TEXT_AND_QUANTITY - quantityOf(part).length - 2)
    case 'output':
      return 'Response generated + streamed'
    case 'other':
      return part.unit.replaceAll('_', ' ')
  }
}

/** Tokens carry a space behind their unit, so that `tk` and `calls` end where a reader expects them. */
function quantityOf(part: Stack): string {
  switch (part.unit) {
    case 'token':
      return `${grouped(part.quantity)} tk `
    case 'call':
      return counted(part.quantity, 'call').padEnd(part.quantity === '1' ? 7 : 0)
    case 'step':
      return ''
    default:
      return `${grouped(part.quantity)} `
  }
}

function counted(quantity: string, unit: string): string {
  return `${grouped(quantity)} ${unit}${quantity === '1' ? '' : 's'}`
}

/** As many names as there is room for, and how many more there are. */
function toolNames(event: BillableEvent, room: number): string {
  const names = event.tools
    .filter((tool) => tool.calls > 0)
    .map((tool) => `${printable(tool.tool ?? 'unnamed')}()`)
  if (names.length === 0) return 'No tools used'
  for (let shown = names.length; shown > 0; shown--) {
    const rest = names.length - shown
    const text = names.slice(0, shown).join(', ') + (rest > 0 ? `, +${rest}` : '')
    if (text.length <= room) return text
  }
  const more = names.length > 1 ? `, +${names.length - 1}` : ''
  return cut(names[0]!, room - more.length) + more
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`
}

function margin(event: BillableEvent): string {
  const currency = event.currency ?? 'USD'
  const cogs =
    event.cogs === null ? `COGS unknown (${pricedOf(event)})` : `COGS ${money(event.cogs, currency)}`
  if (event.price === null) return `${cogs} · Price unknown (${event.status})`
  if (event.margin === null) return `${cogs} · Net unknown`
  const net = `${cogs} · Net ${money(event.margin, currency)}`
  const price = new Decimal(event.price)
  if (price.isZero()) return net
  const share = new Decimal(event.margin).div(price).mul(100).toFixed(1, Decimal.ROUND_HALF_UP)
  return `${net} · ${share.startsWith('-') ? '' : '+'}${share}% margin`
}

function pricedOf(event: BillableEvent): string {
  if (event.status === 'pending') return 'not rated yet'
  if (event.fx_usd === null) return `no rate for ${event.currency}`
  const all = event.models.reduce((sum, model) => sum + model.calls, 0)
  const priced = event.models.reduce((sum, model) => sum + (model.cogs === null ? 0 : model.calls), 0)
  const unpricedTools = event.tools.filter((tool) => tool.cogs === null).length
  const calls = `${priced} of ${all} calls priced`
  return unpricedTools === 0 ? calls : `${calls}, ${unpricedTools} tools not`
}
