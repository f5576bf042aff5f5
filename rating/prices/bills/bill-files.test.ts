import { describe, expect, test } from 'vitest'
import { BILLS_MAX, billsOfFile } from './bill-files.ts'

const read = (text: string) =>
  billsOfFile(text, 'october.csv').map(({ provider, model, from, to, usd }) => [
    provider,
    model,
    from,
    to,
    usd,
  ])

describe('bills of a CSV file', () => {
  test('are of days, months, or any time', () => {
    const file = `provider,model,day,month,from,to,usd
openai,,2026-10-31,,,,12.5
openai,gpt-5*,,2026-12,,,0
"gcp.vertex_ai",,,,2026-10-01T00:00:00+02:00,2026-10-02,1.000000000000000001
`
    expect(read(file)).toEqual([
      ['openai', null, '2026-10-31T00:00:00.000Z', '2026-11-01T00:00:00.000Z', '12.5'],
      ['openai', 'gpt-5*', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z', '0'],
      ['gcp.vertex_ai', null, '2026-09-30T22:00:00.000Z', '2026-10-02T00:00:00.000Z', '1.000000000000000001'],
    ])
  })

  test('that are of the same are added up, credits too', () => {
    expect(read('provider,month,usd\nopenai,2026-10,10.1\nopenai,2026-10,-0.2\nOpenAI,2026-10,1')).toEqual([
      ['openai', null, '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', '9.9'],
      ['OpenAI', null, '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', '1'],
    ])
  })

  test.each([
    ['provider,day,usd,note\nopenai,2026-10-31,1,x', /note is none of/],
    ['provider,day,usd\nopenai,2026-10-31,1e3', /\/2 usd must be a decimal/],
    ['provider,day,usd\nopenai,2026-10-31', /\/2 has 2 fields, not 3/],
    ['provider,day,usd\n,2026-10-31,1', /\/2 names no provider/],
    ['provider,day,usd\nopenai,2026-13-31,1', /\/2 must have a day/],
    ['provider,from,to,usd\nopenai,2026-10-02,2026-10-01,1', /\/2 must have a day/],
    ['provider,day,usd\nopenai,2026-10-31,-1', /-1 is not from 0/],
    ['provider,day,usd\nopenai,2026-10-31,1000000001', /is not from 0/],
  ])('%j is refused', (file, told) => {
    expect(() => read(file)).toThrow(told)
  })

  test('are so many at most', () => {
    const rows = (count: number) =>
      `provider,day,usd\n${Array.from({ length: count }, (_, no) => `p${no},2026-10-31,1`).join('\n')}`
    expect(read(rows(BILLS_MAX))).toHaveLength(BILLS_MAX)
    expect(() => read(rows(BILLS_MAX + 1))).toThrow(/at most/)
  })
})

describe('a cost report', () => {
  const openai = (more: boolean, value: unknown = 0.06) => ({
    object: 'page',
    data: [
      {
        object: 'bucket',
        start_time: 1_793_404_800,
        end_time: 1_793_491_200,
        results: [
          {
            object: 'organization.costs.result',
            amount: { value, currency: 'usd' },
            line_item: 'gpt-5, input',
          },
          { object: 'organization.costs.result', amount: { value: '1.5', currency: 'usd' }, line_item: null },
        ],
      },
    ],
    has_more: more,
    next_page: null,
  })
  const day = ['2026-10-31T00:00:00.000Z', '2026-11-01T00:00:00.000Z'] as const

  test('of OpenAI is in dollars, page by page', () => {
    expect(read(JSON.stringify(openai(false)))).toEqual([['openai', null, ...day, '1.56']])
    expect(read(JSON.stringify([openai(true), openai(false)]))).toEqual([['openai', null, ...day, '3.12']])
  })

  test('of Anthropic is in cents', () => {
    const results = [
      { currency: 'USD', amount: '123.78912', model: 'claude-opus-5', token_type: 'uncached_input_tokens' },
      { currency: 'USD', amount: '0.2', model: null, token_type: null },
    ]
    const data = [{ starting_at: '2026-10-31T00:00:00Z', ending_at: '2026-11-01T00:00:00Z', results }]
    expect(read(JSON.stringify({ data, has_more: false, next_page: null }))).toEqual([
      ['anthropic', null, ...day, '1.2398912'],
    ])
  })

  test.each([
    [openai(true), /more pages/],
    [openai(false, 'much'), /much is no amount/],
    [{ data: [{ cost: 3 }] }, /no cost report/],
    [[], /no cost report|has/],
  ])('that is not whole is refused', (report, told) => {
    expect(() => read(JSON.stringify(report))).toThrow(told)
  })

  test('that is no JSON is refused', () => {
    expect(() => read('{"data": [')).toThrow(/bills: /)
  })
})
