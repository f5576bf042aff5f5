import { describe, expect, test } from 'vitest'
import { listPrice as row } from '../../test/support/prices.ts'
import { renewal } from './renewal.ts'

const NOW = '2026-11-23T00:00:00.000Z'
const LATER = '2027-01-01T00:00:00.000Z'

describe('a renewed catalogue', () => {
  test('that says the same adds nothing', () => {
    const rows = [row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER })]
    expect(renewal(rows, rows, NOW)).toEqual([])
  })

  test('brings a series that was never there with its whole history', () => {
    const wanted = [row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER })]
    expect(renewal([row({ model: 'other' })], wanted, NOW)).toEqual(wanted)
  })

  test('changes a price from now on, never before', () => {
    expect(renewal([row({})], [row({ unitPrice: '2' })], NOW)).toEqual([
      row({ unitPrice: '2', effectiveFrom: NOW }),
    ])
  })

  test('takes back a price that has not begun', () => {
    const stored = [row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER })]
    expect(renewal(stored, [row({})], NOW)).toEqual([row({ effectiveFrom: LATER })])
  })

  test('announces a price at its own date', () => {
    const wanted = [row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER })]
    expect(renewal([row({})], wanted, NOW)).toEqual([row({ unitPrice: '6', effectiveFrom: LATER })])
  })

  test('ends a long-context price that was given up at the base price', () => {
    const stored = [row({}), row({ unitPrice: '6', contextFrom: '200000' })]
    expect(renewal(stored, [row({})], NOW)).toEqual([row({ contextFrom: '200000', effectiveFrom: NOW })])
  })

  test('keeps a model that the catalogue dropped', () => {
    expect(renewal([row({}), row({ model: 'gone' })], [row({})], NOW)).toEqual([])
  })

  test('is the same when done twice', () => {
    const stored = [row({})]
    const wanted = [
      row({ unitPrice: '2', effectiveTo: LATER }),
      row({ unitPrice: '4', effectiveFrom: LATER }),
    ]
    const added = renewal(stored, wanted, NOW)
    expect(added).toHaveLength(2)
    expect(renewal([...stored, ...added], wanted, NOW)).toEqual([])
  })
})
