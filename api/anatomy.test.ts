import { expect, test } from 'vitest'
import { anatomy } from './anatomy.ts'
import type { BillableEvent } from './event-fields.ts'

const EXAMPLE: BillableEvent = {
  event_id: 'evt_1',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  trace_ids: ['4bf92f3577b34da6a3ce929d0e0e4736'],
  revision: 0,
  cut_reason: 'root_ended',
  status: 'rated',
  customer: 'acme',
  product: null,
  agent: null,
  session: 'session_4f2a',
  time: '2026-03-01T10:00:00.000Z',
  started_at: '2026-03-01T10:00:00.000Z',
  ended_at: '2026-03-01T10:00:00.142Z',
  duration_ms: 142,
  model_calls: 7,
  unmetered_calls: 0,
  tool_calls: 3,
  reasoning_steps: 7,
  usage: {
    input_tokens: '1842',
    cache_read_tokens: '0',
    cache_write_tokens: '0',
    output_tokens: '623',
    reasoning_tokens: '0',
    embedding_tokens: '0',
  },
  stack: [
    { part: 'prompt', quantity: '1842', unit: 'token', cogs: '0.005526', price: '0.005526' },
    { part: 'reasoning', quantity: '7', unit: 'step', cogs: '0', price: '0.042' },
    { part: 'tools', quantity: '3', unit: 'call', cogs: '0.0069', price: '0.006' },
    { part: 'output', quantity: '623', unit: 'token', cogs: '0.009345', price: '0.009345' },
  ],
  models: [
    { provider: 'anthropic', model: 'm', calls: 7, cogs: '0.014871', price: '0.056871', price_row_ids: [] },
  ],
  tools: tools('db.query', 'api.fetch', 'cache.get'),
  cogs: '0.021771',
  price: '0.062871',
  margin: '0.0411',
  margin_pct: '65.37',
  currency: 'USD',
  credits: null,
  plan: null,
  anomalies: [],
  span_ids: [],
}

test('is the table of the README, to the space', () => {
  const expected = [
    'Agent trace · session_4f2a                                       ',
    '01  PROMPT  System + user context injected      1,842 tk    $0.006',
    '02  REASON  Chain-of-thought: 7 steps                       $0.042',
    '03  TOOL    db.query(), api.fetch(), cache.get()  3 calls   $0.006',
    '04  OUTPUT  Response generated + streamed         623 tk    $0.009',
    'Σ   BILLED  Aggregated billable event           2,465 tk    $0.063',
    'COGS $0.022 · Net $0.041 · +65.4% margin',
    '',
  ]
  expect(anatomy(EXAMPLE).split('\n')).toEqual(expected)
})

test('an event of nothing shows every part', () => {
  const stack = EXAMPLE.stack.map((part) => ({ ...part, quantity: '0', cogs: '0', price: '0' }))
  const nothing = anatomy({
    ...EXAMPLE,
    session: null,
    stack,
    tools: [],
    usage: { ...EXAMPLE.usage, input_tokens: '0', output_tokens: '0' },
    cogs: '0',
    price: '0',
    margin: '0',
    margin_pct: null,
  })
  expect(nothing.split('\n')).toEqual([
    'Agent trace · 4bf92f3577b34da6a3ce929d0e0e4736                   ',
    '01  PROMPT  System + user context injected          0 tk    $0.000',
    '02  REASON  Chain-of-thought: 0 steps                       $0.000',
    '03  TOOL    No tools used                         0 calls   $0.000',
    '04  OUTPUT  Response generated + streamed           0 tk    $0.000',
    'Σ   BILLED  Aggregated billable event               0 tk    $0.000',
    'COGS $0.000 · Net $0.000',
    '',
  ])
})

test('an unknown cost is told as such, with what is priced', () => {
  const models = [
    { provider: 'a', model: 'known', calls: 5, cogs: '1', price: '1', price_row_ids: [] },
    { provider: 'a', model: 'new', calls: 2, cogs: null, price: '1', price_row_ids: [] },
  ]
  const unknown = { ...EXAMPLE, status: 'unpriced' as const, models, cogs: null, margin: null }
  expect(lastLine(unknown)).toBe('COGS unknown (5 of 7 calls priced) · Net unknown')
  const tool = { ...unknown, tools: EXAMPLE.tools.map((each) => ({ ...each, cogs: null })) }
  expect(lastLine(tool)).toBe('COGS unknown (5 of 7 calls priced, 3 tools not) · Net unknown')
  const pending = { ...unknown, status: 'pending' as const, price: null }
  expect(lastLine(pending)).toBe('COGS unknown (not rated yet) · Price unknown (pending)')
})

test('an unknown price is a dash', () => {
  const stack = EXAMPLE.stack.map((part) => ({ ...part, price: null }))
  const event = { ...EXAMPLE, status: 'unattributed' as const, stack, price: null, margin: null }
  expect(anatomy(event).split('\n')[1]).toBe(
    '01  PROMPT  System + user context injected      1,842 tk         —',
  )
  expect(lastLine(event)).toBe('COGS $0.022 · Price unknown (unattributed)')
})

test('a loss has a minus, and halves round up', () => {
  const loss = { ...EXAMPLE, price: '0.0205', margin: '-0.0005', cogs: '0.021' }
  expect(lastLine(loss)).toBe('COGS $0.021 · Net -$0.001 · -2.4% margin')
})

test.each([
  [['a_rather_long_tool_name', 'another_long_tool_name', 'third'], 'a_rather_long_tool_name(), +2 '],
  [['db.query', 'api.fetch', 'cache.get', 'x'], 'db.query(), api.fetch(), +2 '],
  [['x'.repeat(60)], `${'x'.repeat(35)}… `],
  [['x'.repeat(60), 'y'], `${'x'.repeat(31)}…, +1 `],
  [['bad\u001b[2Jname'], 'bad [2Jname() '],
])('names of tools %j keep to the line', (names, expected) => {
  const line = anatomy({ ...EXAMPLE, tools: tools(...names) }).split('\n')[3]!
  expect(line).toHaveLength(66)
  expect(line.slice(12)).toMatch(new RegExp(`^${expected.replaceAll(/[.()+[\]]/g, '\\$&')}`))
})

test('large numbers keep the columns, and one is no plural', () => {
  const [prompt, reasoning, call, output] = EXAMPLE.stack
  const event = {
    ...EXAMPLE,
    stack: [
      { ...prompt!, quantity: '123456789012' },
      { ...reasoning!, quantity: '1' },
      { ...call!, quantity: '1' },
      { ...output!, price: '1234567.8905' },
      { part: 'other' as const, quantity: '90.5', unit: 'session_seconds', cogs: null, price: '1' },
    ],
    tools: tools('db.query'),
  }
  expect(anatomy(event).split('\n').slice(1, 6)).toEqual([
    '01  PROMPT  System + user context i…  123,456,789,012 tk    $0.006',
    '02  REASON  Chain-of-thought: 1 step                        $0.042',
    '03  TOOL    db.query()                            1 call    $0.006',
    '04  OUTPUT  Response generated + streamed         623 tk $1,234,567.891',
    '05  OTHER   session seconds                         90.5    $1.000',
  ])
})

function tools(...names: string[]): BillableEvent['tools'] {
  return names.map((tool) => ({ tool, calls: 1, cogs: '0.0023', price: '0.002', price_row_ids: [] }))
}

function lastLine(event: BillableEvent): string | undefined {
  return anatomy(event).trimEnd().split('\n').at(-1)
}
