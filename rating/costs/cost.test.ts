import { describe, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { assemblyOf, modelCall, NOON, spanIdOf, toolCall } from '../../test/rating/events.ts'
import { bookedName, type CostQuestion, costCalls, type PriceOf, type UsedPrice } from './cost.ts'

const AT = BigInt(NOON.getTime()) * 1_000_000n
const PRICES: Readonly<Record<string, string>> = { input_uncached: '3', output: '15', reasoning: '15' }

describe('cost lines', () => {
  test('are one per meter and model, with the spans of their calls', () => {
    const calls = [1, 2].map((no) =>
      modelCall(no, { buckets: { ...NO_TOKENS, inputUncached: 1000, outputText: 100, outputReasoning: 10 } }),
    )
    const lines = costCalls(assemblyOf({ calls }), priceOf, AT)
    expect(
      lines.map((line) => [line.part, line.meter, line.quantity.toFixed(), line.amount?.toFixed()]),
    ).toEqual([
      ['prompt', 'input_uncached', '2000', '0.006'],
      ['output', 'output', '200', '0.003'],
      ['reasoning', 'reasoning', '20', '0.0003'],
    ])
    expect(lines[0]?.spanIds).toEqual([spanIdOf(1), spanIdOf(2)])
  })

  test('of a meter without a price have no amount', () => {
    const call = modelCall(1, { buckets: { ...NO_TOKENS, cacheRead: 5 } })
    expect(costCalls(assemblyOf({ calls: [call] }), priceOf, AT)).toMatchObject([
      { price: null, amount: null },
    ])
  })

  test('of a unit that no row can speak of have no amount', () => {
    const call = modelCall(1, { quantities: { output_holograms: 7, web_searches: 0 } })
    expect(costCalls(assemblyOf({ calls: [call] }), priceOf, AT)).toMatchObject([
      { part: 'output', meter: 'output_holograms', amount: null },
    ])
  })

  test('of more digits than a quantity has are of those it has, the cost too', () => {
    const quantities = { input_audio_seconds: 14.123456789012346, web_searches: 1e-10, pages: 300.0000000004 }
    const perHour = {
      ...priceOf({ meter: 'output' } as CostQuestion)!,
      unitPrice: new Decimal('3600'),
      per: new Decimal(1),
    }
    const lines = costCalls(
      assemblyOf({ calls: [modelCall(1, { quantities })] }),
      ({ meter }) => (meter === 'request' ? null : perHour),
      AT,
    )
    expect(
      lines.map(({ meter, quantity, amount }) => [meter, quantity.toFixed(), amount?.toFixed()]),
    ).toEqual([
      ['input_audio_second', '14.123456789', '50844.4444404'],
      ['page', '300', '1080000'],
    ])
  })

  test('are not made for a call without usage', () => {
    expect(costCalls(assemblyOf({ calls: [modelCall(1, { metered: false })] }), priceOf, AT)).toEqual([])
  })

  test('of an embedding are of its own meter', () => {
    const call = modelCall(1, { kind: 'embedding', buckets: { ...NO_TOKENS, inputUncached: 8 } })
    expect(costCalls(assemblyOf({ calls: [call] }), priceOf, AT)).toMatchObject([
      { meter: 'embedding', part: 'prompt' },
    ])
  })

  test('ask for the price at the start of the call, or at the recorded instant where its times are not believed', () => {
    const buckets = { ...NO_TOKENS, inputUncached: 1 }
    const calls = [
      modelCall(1, { buckets, startNano: 5n }),
      modelCall(2, { buckets, startNano: 6n, badTime: true }),
    ]
    const asked = questionsOf(calls).filter((question) => question.meter === 'input_uncached')
    expect(asked.map((question) => question.at)).toEqual([5n, AT])
  })

  test('ask for the tier the provider served, by its ordinary names for the ordinary one', () => {
    const buckets = { ...NO_TOKENS, inputUncached: 1 }
    const tiers = [null, 'default', 'ON_DEMAND', 'Batch', 'priority']
    const calls = tiers.map((serviceTier, no) => modelCall(no + 1, { buckets, serviceTier }))
    const asked = questionsOf(calls).filter((question) => question.meter === 'input_uncached')
    expect(asked.map((question) => question.serviceTier)).toEqual([
      'standard',
      'standard',
      'standard',
      'batch',
      'priority',
    ])
  })

  test('say the whole input, cached tokens included', () => {
    const buckets = { ...NO_TOKENS, inputUncached: 1, cacheRead: 20, cacheWrite: 300, cacheWrite1h: 4000 }
    const asked = questionsOf([modelCall(1, { buckets })])
    expect(new Set(asked.map((question) => question.inputTokens))).toEqual(new Set([4321]))
  })
})

describe('tools', () => {
  test('of ours without a price cost nothing, those of the provider are unpriced', () => {
    const tools = [toolCall(1, 'db.query'), toolCall(2, 'search', { type: 'extension' })]
    const lines = costCalls(assemblyOf({ tools }), () => null, AT)
    expect(lines.map((line) => [line.tool, line.amount?.toFixed() ?? null])).toEqual([
      ['db.query', '0'],
      ['search', null],
    ])
  })

  test('with a price cost it, once per call', () => {
    const tools = [toolCall(1, 'db.query'), toolCall(2, 'db.query')]
    const priced: PriceOf = ({ meter }) => (meter === 'tool_call' ? used('7', '0.0023', '1') : null)
    const lines = costCalls(assemblyOf({ tools }), priced, AT)
    expect(lines).toMatchObject([{ tool: 'db.query', provider: null }])
    expect(lines[0]?.amount?.toFixed()).toBe('0.0046')
  })

  test('by the second cost their duration, as it is rounded; a doubted one is not known', () => {
    const hourly = { ...used('7', '3.6', '3600'), feeBasis: 'second', minQuantity: new Decimal(60) } as const
    const rounded = { ...hourly, minQuantity: null, roundingQuantity: new Decimal(10) } as const
    const cost = (price: UsedPrice, seconds: bigint, type = 'function', doubted = false) => {
      const tool = toolCall(1, 'browser', { type })
      const anomalies = doubted ? [{ kind: 'bad_time', spanId: tool.spanId, reason: 'future' } as const] : []
      const tools = [{ ...tool, endNano: tool.startNano + seconds * 1_000_000_000n }]
      const priced: PriceOf = ({ meter }) => (meter === 'tool_second' ? price : null)
      return costCalls(assemblyOf({ tools, anomalies }), priced, AT).map(({ meter, quantity, amount }) => [
        meter,
        quantity.toFixed(),
        amount?.toFixed() ?? null,
      ])
    }
    const call = ['tool_call', '1', '0']
    expect(cost(hourly, 7n)).toEqual([call, ['tool_second', '60', '0.06']])
    expect(cost(hourly, 61n)).toEqual([call, ['tool_second', '61', '0.061']])
    expect(cost(rounded, 61n, 'extension')).toEqual([call, ['tool_second', '70', '0.07']])
    expect(cost(hourly, 61n, 'function', true)).toEqual([call, ['tool_second', '0', null]])
  })
})

describe('what was booked', () => {
  const call = modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1_000_000 } })
  const identity = { provider: call.provider, model: call.model, tool: null, serviceTier: 'standard' }
  const booked = new Map([
    [bookedName(call.spanId, { ...identity, meter: 'input_uncached' }), used('1', '3')],
  ])
  const cost = (priceOf: PriceOf) =>
    costCalls(assemblyOf({ calls: [call] }), priceOf, AT, booked).map((line) => line.amount?.toFixed())

  test('keeps its price when another is known by now', () => {
    expect(cost(({ meter }) => (meter === 'input_uncached' ? used('2', '99') : null))).toEqual(['3'])
  })

  test('keeps its price when none is known any more', () => {
    expect(cost(() => null)).toEqual(['3'])
  })

  test('costs nothing once the call is known to have been answered from a cache', () => {
    const again = costCalls(assemblyOf({ calls: [{ ...call, cacheHit: true }] }), () => null, AT, booked)
    expect(again.map((line) => [line.price?.priceRowId, line.amount?.toFixed()])).toEqual([[null, '0']])
  })

  test('as an answer from a cache is priced once the call is known to have been made', () => {
    const free = { ...used('1', '0'), priceRowId: null }
    const name = bookedName(call.spanId, { ...identity, meter: 'input_uncached' })
    const again = (priceOf: PriceOf) =>
      costCalls(assemblyOf({ calls: [call] }), priceOf, AT, new Map([[name, free]]))
    const priced = ({ meter }: CostQuestion) => (meter === 'input_uncached' ? used('2', '4') : null)
    expect(again(priced).map((line) => line.amount?.toFixed())).toEqual(['4'])
    expect(again(() => null).map((line) => line.amount)).toEqual([null])
  })

  test('is priced anew where its usage crossed a context threshold', () => {
    const long: UsedPrice = { ...used('2', '6'), contextFrom: 200_000 }
    expect(cost(({ meter }) => (meter === 'input_uncached' ? long : null))).toEqual(['6'])
  })
})

describe('terms', () => {
  const call = modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1_000_000 } })
  const cost = (price: UsedPrice) =>
    costCalls(assemblyOf({ calls: [call] }), ({ meter }) => (meter === 'input_uncached' ? price : null), AT)
  const discount = { id: '5', pct: new Decimal('12.5') }
  const fx = { id: '6', usd: new Decimal('0.14') }

  test('without a rate a price in another currency is no price, and it says what it waits for', () => {
    expect(cost({ ...used('1', '3'), currency: 'CNY' })).toMatchObject([
      { price: null, amount: null, wants: 'no_rate_for_cny' },
    ])
  })

  test('with a rate a price in another currency counts in both', () => {
    const [line] = cost({ ...used('1', '3'), currency: 'CNY', fx })
    expect([line?.native?.toFixed(), line?.amount?.toFixed()]).toEqual(['3', '0.42'])
  })

  test('take the discount off the list before they change the currency', () => {
    const [line] = cost({ ...used('1', '3'), currency: 'CNY', fx, discount })
    expect([line?.native?.toFixed(), line?.amount?.toFixed()]).toEqual(['2.625', '0.3675'])
    expect(cost({ ...used('1', '3'), discount })[0]?.amount?.toFixed()).toBe('2.625')
  })

  test('make lines of their own', () => {
    const calls = [1, 2].map((no) => modelCall(no, { buckets: { ...NO_TOKENS, inputUncached: 1 } }))
    const prices = [used('1', '3'), { ...used('1', '3'), discount }]
    const priceOf: PriceOf = ({ meter }) => (meter === 'input_uncached' ? prices.shift()! : null)
    expect(costCalls(assemblyOf({ calls }), priceOf, AT)).toHaveLength(2)
  })

  test('a share is of the whole quantity it was worked out for, and of no other', () => {
    const share = { quantity: new Decimal(1_000_000), amount: new Decimal('1.25') }
    expect(cost({ ...used('1', '3'), share })[0]?.amount?.toFixed()).toBe('1.25')
    expect(cost({ ...used('1', '3'), share: { ...share, quantity: new Decimal(7) } })).toMatchObject([
      { price: null, amount: null, wants: 'not_allocated_yet' },
    ])
  })
})

function questionsOf(calls: Parameters<typeof assemblyOf>[0]['calls']): CostQuestion[] {
  const asked: CostQuestion[] = []
  const ask: PriceOf = (question) => {
    asked.push(question)
    return null
  }
  costCalls(assemblyOf({ calls }), ask, AT)
  return asked
}

function priceOf({ meter }: CostQuestion): UsedPrice | null {
  const price = PRICES[meter]
  return price === undefined ? null : used(meter, price)
}

function used(priceRowId: string, unitPrice: string, per = '1000000'): UsedPrice {
  return {
    priceRowId,
    unitPrice: new Decimal(unitPrice),
    per: new Decimal(per),
    currency: 'USD',
    contextFrom: 0,
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
  }
}
