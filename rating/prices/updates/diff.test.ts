import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listPrice as row } from '../../../test/support/prices.ts'
import { effective } from '../in-force.ts'
import { BEGINNING, type ListPrice, seriesOf } from '../list-price.ts'
import { rowsToRecord } from './apply.ts'
import { type BookPrice, diffCatalogue, type ProposedChange } from './diff.ts'
import { fingerprintOf, proposedOf, storedChanges } from './proposal-document.ts'

const NOW = '2026-11-23T00:00:00.000Z'
const OPTIONS = { now: NOW, complete: true, rowSource: 'test' }
const [LONG_AGO, AGO, SOON, LATER] = [
  '2025-01-01T00:00:00.000Z',
  '2026-06-01T00:00:00.000Z',
  '2026-12-01T00:00:00.000Z',
  '2027-01-01T00:00:00.000Z',
] as const

describe('a catalogue against the book', () => {
  test('that says the same proposes nothing', () => {
    expect(diffCatalogue(book(row({})), [row({})], OPTIONS)).toEqual([])
  })

  test('with another price and no date changes it from the decision on, and says nothing of the past', () => {
    expect(summary(diffCatalogue(book(row({})), [row({ unitPrice: '2' })], OPTIONS))).toEqual([
      'change input_uncached now..: 3 → 2',
    ])
  })

  test('that dates the price ahead announces it', () => {
    const wanted = [row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER })]
    expect(summary(diffCatalogue(book(row({})), wanted, OPTIONS))).toEqual([
      `change input_uncached ${LATER}..: 3 → 6`,
    ])
  })

  test('that dates the price back proposes it for the past apart from what lies ahead', () => {
    const wanted = [row({ effectiveTo: AGO }), row({ unitPrice: '2', effectiveFrom: AGO })]
    expect(summary(diffCatalogue(book(row({})), wanted, OPTIONS))).toEqual([
      `back_dated input_uncached ${AGO}..: 3 → 2`,
      'change input_uncached now..: 3 → 2',
    ])
  })

  test('that no longer announces a rise takes the announcement back', () => {
    const said = book(row({ effectiveTo: LATER }), row({ unitPrice: '6', effectiveFrom: LATER }))
    expect(summary(diffCatalogue(said, [row({})], OPTIONS))).toEqual([
      `revocation input_uncached ${LATER}..: 6 → 3`,
    ])
  })

  test('with a model nobody prices brings its whole history', () => {
    const wanted = [
      row({ model: 'new', effectiveTo: AGO }),
      row({ model: 'new', unitPrice: '2', effectiveFrom: AGO }),
    ]
    expect(summary(diffCatalogue(book(row({})), [row({}), ...wanted], OPTIONS))).toEqual([
      `new_model input_uncached ${BEGINNING}..${AGO}: nothing → 3`,
      `new_model input_uncached ${AGO}..: nothing → 2`,
    ])
  })

  test('with a long-context price of its own changes what the base price said for it, from now on', () => {
    const long = row({ unitPrice: '6', contextFrom: '200000' })
    expect(summary(diffCatalogue(book(row({})), [row({}), long], OPTIONS))).toEqual([
      'change input_uncached now..: 3 → 6',
    ])
  })

  test('with a meter that nothing prices completes it for all time', () => {
    const audio = row({ meter: 'input_audio', unitPrice: '10' })
    expect(summary(diffCatalogue(book(row({})), [row({}), audio], OPTIONS))).toEqual([
      `new_meter input_audio ${BEGINNING}..: nothing → 10`,
    ])
  })

  test('that lost a model deletes nothing, and one that is not whole says nothing of it', () => {
    const said = book(row({}), row({ model: 'gone' }))
    expect(summary(diffCatalogue(said, [row({})], OPTIONS))).toEqual([
      'upstream_missing input_uncached now..: 3 → nothing',
    ])
    expect(diffCatalogue(said, [row({})], { ...OPTIONS, complete: false })).toEqual([])
  })
})

const METERS = ['input_uncached', 'output', 'reasoning', 'cache_read', 'input_audio'] as const
const series = fc.record({
  model: fc.constantFrom('m', 'n'),
  meter: fc.constantFrom(...METERS),
  contextFrom: fc.constantFrom('0', '200000'),
  serviceTier: fc.constantFrom('standard', 'batch'),
})
const history = fc
  .uniqueArray(fc.constantFrom(BEGINNING, LONG_AGO, AGO, NOW, SOON, LATER), { minLength: 1, maxLength: 4 })
  .chain((edges) =>
    fc.tuple(
      fc.constant(edges.sort()),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
    ),
  )
  .map(([edges, prices]) =>
    edges.map((from, i) => ({
      effectiveFrom: from,
      effectiveTo: edges[i + 1] ?? null,
      unitPrice: String(prices[i]),
    })),
  )
const list = fc
  .uniqueArray(fc.tuple(series, history), { selector: ([of]) => JSON.stringify(of), maxLength: 8 })
  .map((all) => all.flatMap(([of, times]) => times.map((time) => row({ ...of, ...time }))))

const INSTANTS = [
  BEGINNING,
  LONG_AGO,
  '2026-01-01T00:00:00.000Z',
  AGO,
  '2026-11-22T23:59:59.999Z',
  NOW,
  SOON,
  LATER,
  '2030-01-01T00:00:00.000Z',
]

describe('applying what a catalogue proposes', () => {
  test('makes the book say what the catalogue says from then on, and of the past only what is approved', () => {
    fc.assert(
      fc.property(list, list, (said, wanted) => {
        const before = book(...said)
        const proposed = diffCatalogue(before, wanted, OPTIONS)
        const ahead = apply(
          before,
          proposed.filter(({ kind }) => kind !== 'back_dated'),
          NOW,
        )
        const all = apply(before, proposed, NOW)
        for (const of of wanted) {
          for (const at of INSTANTS) {
            const want = effective(inSeries(wanted, of), at)
            const was = effective(inSeries(before, of), at)
            if (at >= NOW) {
              if (want) expect(effective(inSeries(ahead, of), at)?.unitPrice, at).toBe(want.unitPrice)
            } else if (was) {
              expect(effective(inSeries(ahead, of), at)?.unitPrice, at).toBe(was.unitPrice)
              const isDated = want && (want.effectiveFrom > BEGINNING || (want.effectiveTo ?? LATER) <= NOW)
              const expected = isDated ? want : was
              expect(effective(inSeries(all, of), at)?.unitPrice, at).toBe(expected.unitPrice)
            }
          }
        }
        for (const of of said) {
          if (wanted.some((each) => seriesOf(each) === seriesOf(of)) || of.contextFrom !== '0') continue
          expect(inSeries(all, of).length, 'what the catalogue does not have stays').toBe(
            inSeries(before, of).length,
          )
        }
      }),
      { numRuns: 400 },
    )
  })

  test('and once more what stood in for others before, leaves nothing to propose', () => {
    fc.assert(
      fc.property(list, list, (said, wanted) => {
        const before = book(...said)
        const once = apply(before, diffCatalogue(before, wanted, OPTIONS), NOW)
        const after = apply(once, diffCatalogue(once, wanted, OPTIONS), NOW)
        const again = diffCatalogue(after, wanted, OPTIONS).filter(({ kind }) => kind !== 'upstream_missing')
        expect(summary(again)).toEqual([])
      }),
      { numRuns: 400 },
    )
  })

  test('is refused where the book says something else by now', () => {
    const [proposal] = diffCatalogue(book(row({})), [row({ unitPrice: '2' })], OPTIONS)
    expect(rowsToRecord(proposal!, book(row({ unitPrice: '2.5' })), NOW)).toBeNull()
  })

  test('back-dated goes as far as the old price did', () => {
    const wanted = [row({ effectiveTo: AGO }), row({ unitPrice: '2', effectiveFrom: AGO })]
    const [backDated, change] = diffCatalogue(book(row({})), wanted, OPTIONS)
    const changed = apply(book(row({})), [change!], NOW)
    expect(rowsToRecord(backDated!, changed, LATER)).toMatchObject([{ effectiveFrom: AGO, effectiveTo: NOW }])
    expect(rowsToRecord(backDated!, book(row({})), LATER)).toMatchObject([{ effectiveTo: LATER }])
  })

  test('is the same proposal whenever and however often it is made, and after it was stored', () => {
    const wanted = [row({ effectiveTo: AGO }), row({ unitPrice: '2', effectiveFrom: AGO })]
    const [first] = diffCatalogue(book(row({})), wanted, OPTIONS)
    const [later] = diffCatalogue(book(row({})), wanted, { ...OPTIONS, now: SOON })
    expect(fingerprintOf(later!)).toBe(fingerprintOf(first!))
    const stored = { ...first!, changes: storedChanges(first!, () => [], NOW) }
    const back = proposedOf(JSON.parse(JSON.stringify(stored)))
    expect(fingerprintOf(back)).toBe(fingerprintOf(first!))
    expect(rowsToRecord(back, book(row({})), NOW)).toEqual([
      { ...row({ unitPrice: '2' }), effectiveFrom: AGO, effectiveTo: NOW },
    ])
  })
})

/** As an import takes proposals in: each is worked out on the book as it was. */
function apply(
  rows: readonly BookPrice[],
  proposed: readonly ProposedChange[],
  now: string,
): readonly BookPrice[] {
  const added = proposed.flatMap((proposal) => rowsToRecord(proposal, rows, now) ?? [])
  return added.reduce(record, rows)
}

let ids = 0

/** As the book records a row: what it overlaps gives way. */
function record(rows: readonly BookPrice[], added: ListPrice): readonly BookPrice[] {
  const end = (row: ListPrice) => row.effectiveTo ?? '9'
  const left = rows.flatMap((each) => {
    const isApart = each.effectiveFrom >= end(added) || end(each) <= added.effectiveFrom
    if (isApart || seriesOf(each) !== seriesOf(added)) return [each]
    const pieces: BookPrice[] = []
    if (each.effectiveFrom < added.effectiveFrom) pieces.push({ ...each, effectiveTo: added.effectiveFrom })
    if (end(each) > end(added)) pieces.push({ ...each, effectiveFrom: added.effectiveTo! })
    return pieces
  })
  return [...left, { ...added, priceRowId: String(++ids) }]
}

function inSeries<Row extends ListPrice>(rows: readonly Row[], of: ListPrice): readonly Row[] {
  return rows.filter((each) => seriesOf(each) === seriesOf(of))
}

function summary(proposed: readonly ProposedChange[]): readonly string[] {
  return proposed.flatMap(({ kind, changes }) =>
    changes.map(({ from, to, old, next }) => {
      const prices = `${old?.unitPrice ?? 'nothing'} → ${next?.unitPrice ?? 'nothing'}`
      return `${kind} ${(next ?? old)!.meter} ${from ?? 'now'}..${to ?? ''}: ${prices}`
    }),
  )
}

function book(...rows: readonly ListPrice[]): readonly BookPrice[] {
  return rows.map((each) => ({ ...each, priceRowId: String(++ids) }))
}
