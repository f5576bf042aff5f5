import { expect, it } from 'vitest'
import { chat, usage } from '../../test/support/spans.ts'

it('takes units by the catalogue’s names, and by their own where both are stated', () => {
  const stated = {
    'aforo.usage.storage_searches': 4,
    'aforo.usage.social_searches': 2,
    'aforo.usage.x_searches': 3,
    'aforo.usage.input_document_pages': 10,
  }
  const { quantities, anomalies } = usage(chat({ id: 1, attributes: stated }, 10, 5))
  expect(quantities).toEqual({ file_searches: 4, x_searches: 3, pages: 10 })
  expect(anomalies).toEqual([])
})

it.each([
  ['aforo.cost_usd', -1, ['negative']],
  ['aforo.cost_usd', 1e25, ['too_large']],
  ['aforo.cost_usd', 'a lot', ['not_a_number']],
  ['gen_ai.usage.cost', 1e25, ['too_large']],
  ['gen_ai.usage.cost', 'unknown', []],
] as const)('takes no cost from %s of %s', (key, value, reasons) => {
  const { reportedCost, anomalies, spanId } = usage(chat({ id: 1, attributes: { [key]: value } }, 10, 5))
  expect(reportedCost).toBeNull()
  expect(anomalies).toEqual(reasons.map((reason) => ({ kind: 'bad_number', spanId, reason })))
})

it('takes parts of seconds, and none of tokens', () => {
  const stated = { 'aforo.usage.video_seconds': 1.5, 'aforo.usage.input_audio_tokens': 0.5 }
  const { quantities, anomalies, spanId } = usage(chat({ id: 1, attributes: stated }, 10, 5))
  expect(quantities).toEqual({ video_seconds: 1.5 })
  expect(anomalies).toEqual([{ kind: 'bad_number', spanId, reason: 'not_whole' }])
})
