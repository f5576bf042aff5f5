import type { SeededRevision } from './seed.ts'

/**
 * An agent of seven calls and three tools, 1,842 tokens in and 623 out, on a plan of $3 and $15 per million, $0.006 a
 * step and $0.002 a tool call; tools cost us $0.0023 each. Billed 0.062871, cost 0.021771.
 */
export function workedExample(given: Partial<SeededRevision> & { traceId: string }): SeededRevision {
  const model = { provider: 'anthropic', model: 'claude-sonnet-4-5' }
  const tool = (name: string) => ({
    part: 'tools',
    tool: name,
    unit: 'call',
    quantity: 1,
    cogs: '0.0023',
    price: '0.002',
  })
  return {
    session: 'session_4f2a',
    product: 'support-bot',
    agent: 'triage',
    usage: {
      model_calls: 7,
      tool_calls: 3,
      reasoning_steps: 7,
      input_tokens: 1842,
      output_tokens: 623,
      reasoning_tokens: 210,
    },
    assembly: {
      calls: [],
      tools: [
        { name: 'cache.get', startNano: '1700000000000000030' },
        { name: 'db.query', startNano: '1700000000000000010' },
        { name: 'api.fetch', startNano: '1700000000000000020' },
      ],
      anomalies: [{ kind: 'usage_ambiguous', spanId: '00f067aa0ba902b7', reason: 'assumed' }],
      spanIds: ['00f067aa0ba902b7', '00f067aa0ba902b8'],
    },
    rating: { status: 'rated', cogs: '0.021771', price: '0.062871' },
    lines: [
      { part: 'prompt', ...model, quantity: 1842, calls: 7, cogs: '0.005526', price: '0.005526' },
      { part: 'reasoning', ...model, unit: 'step', quantity: 7, cogs: '0.00315', price: '0.042' },
      { part: 'output', ...model, quantity: 623, cogs: '0.006195', price: '0.009345' },
      tool('db.query'),
      tool('api.fetch'),
      tool('cache.get'),
    ],
    costs: [
      {
        part: 'prompt',
        ...model,
        meter: 'input_uncached',
        quantity: 1842,
        priceRowId: 1,
        amount: '0.005526',
      },
      { part: 'reasoning', ...model, meter: 'reasoning', quantity: 210, priceRowId: 2, amount: '0.00315' },
      { part: 'output', ...model, meter: 'output', quantity: 413, priceRowId: 2, amount: '0.006195' },
    ],
    ...given,
  }
}
