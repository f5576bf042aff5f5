import { expect, test } from 'vitest'
import { Decimal } from '../../../core/money.ts'
import { type NoticedProposal, type NoticeFacts, noticesOf } from './notices.ts'

const NOW = '2026-11-23T00:00:00.000Z'
const PROPOSAL: NoticedProposal = {
  proposalId: '7',
  kind: 'change',
  provider: 'openai',
  model: 'gpt-x',
  ratios: ['1.2', '0.4'],
  proposedAt: NOW,
  takenAt: null,
}
const FACTS: NoticeFacts = {
  now: NOW,
  snapshotAt: '2026-11-22T00:00:00.000Z',
  proposals: [],
  upcoming: [],
  shares: new Map([['openai\0gpt-x', new Decimal('0.2')]]),
  drifts: [],
  bills: [],
  unbilled: [],
}
const kinds = (facts: Partial<NoticeFacts>) => noticesOf({ ...FACTS, ...facts }).map(({ kind }) => kind)

test('a change of a model in use is told, waiting or taken in, and apart where it moves COGS by more than a tenth', () => {
  expect(kinds({ proposals: [PROPOSAL] })).toEqual(['cogs_impact', 'price_pending'])
  expect(kinds({ proposals: [{ ...PROPOSAL, ratios: ['1.5'], takenAt: NOW }] })).toEqual(['price_changed'])
  expect(kinds({ proposals: [{ ...PROPOSAL, ratios: [] }] })).toEqual(['price_pending'])
  expect(kinds({ proposals: [{ ...PROPOSAL, model: 'unused' }] })).toEqual([])
  expect(noticesOf({ ...FACTS, proposals: [PROPOSAL] })[0]?.message).toBe(
    'moves COGS by up to 12%: prices of openai/gpt-x',
  )
})

test('a snapshot of seven days is stale, one of less is not', () => {
  expect(kinds({ snapshotAt: '2026-11-16T00:00:00.001Z' })).toEqual([])
  expect(kinds({ snapshotAt: '2026-11-16T00:00:00.000Z' })).toEqual(['stale_snapshot'])
  expect(kinds({ snapshotAt: null })).toEqual([])
})

test('what begins soon and what drifts is told', () => {
  const about = { provider: 'google', model: 'flash', at: '2026-11-25T00:00:00.000Z' }
  expect(kinds({ upcoming: [about], drifts: [{ ...about, events: 3 }] })).toEqual([
    'upcoming_price',
    'cost_drift',
  ])
})
