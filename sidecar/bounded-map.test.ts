import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

const MAX = 3
const key = fc.integer({ min: 0, max: 5 })
const step = fc.oneof(
  fc.record({ set: key, value: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ delete: key }),
  fc.constant('forget oldest' as const),
)

test('forgets in the order of setting, tells of each one once, and never has more than it may', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const forgotten: string[] = []
      const map = new BoundedMap<number, number>(MAX, (value, of) => forgotten.push(`${of}=${value}`))
      // The same by a list that is searched.
      let list: [number, number][] = []
      const expected: string[] = []
      const forget = (gone: readonly [number, number][]) => {
        for (const [of, value] of gone) expected.push(`${of}=${value}`)
      }
      for (const one of steps) {
        if (one === 'forget oldest') {
          map.forgetOldest()
          forget(list.slice(0, 1))
          list = list.slice(1)
        } else if ('set' in one) {
          map.set(one.set, one.value)
          const before = list.filter(([of]) => of === one.set)
          forget(before.filter(([, value]) => value !== one.value))
          list = [...list.filter(([of]) => of !== one.set), [one.set, one.value]]
          forget(list.slice(0, -MAX))
          list = list.slice(-MAX)
        } else {
          map.delete(one.delete)
          forget(list.filter(([of]) => of === one.delete))
          list = list.filter(([of]) => of !== one.delete)
        }
        expect(map.size).toBe(list.length)
        for (let of = 0; of <= 5; of++) expect(map.get(of)).toBe(new Map(list).get(of))
      }
      expect(forgotten).toEqual(expected)
    }),
  )
})

test('forgets as quickly when it is large as when it is small', () => {
  const nanosOf = (max: number) => {
    const map = new BoundedMap<number, true>(max)
    for (let i = 0; i < max * 1.5; i++) map.set(i, true)
    const began = process.cpuUsage()
    for (let i = 0; i < 20_000; i++) map.set(max * 2 + i, true)
    return process.cpuUsage(began).user / 20
  }
  nanosOf(100)
  // A map that walks over what has gone takes some hundred times as long.
  expect(nanosOf(100_000)).toBeLessThan(nanosOf(100) * 5 + 5_000)
})
