import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileKeys, UNWANTED, viewOf } from './keys.ts'

function find(table: ReturnType<typeof compileKeys>, key: string): number {
  const bytes = Buffer.from(`##${key}##`)
  return table.find(viewOf(bytes), 2, bytes.length - 4)
}

describe('compileKeys', () => {
  it('finds exactly the given keys, by bytes as by string', () => {
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 300 }), fc.array(key), (keys, others) => {
        const table = compileKeys(keys)
        for (const [index, each] of keys.entries()) {
          expect([find(table, each), table.indexOf(each)]).toEqual([index, index])
        }
        for (const other of others) {
          const index = keys.indexOf(other)
          expect([find(table, other), table.indexOf(other)]).toEqual([index, index])
        }
      }),
    )
  })

  it('tells apart keys that differ only between their first and last four bytes', () => {
    const keys = ['gen_ai.a.tokens', 'gen_ai.b.tokens', 'gen_aixb.tokens']
    const table = compileKeys(keys)
    expect(keys.map((key) => find(table, key))).toEqual([0, 1, 2])
    expect(find(table, 'gen_ai.c.tokens')).toBe(UNWANTED)
  })

  it('puts counted keys behind the synthetic ones, which no bytes can name', () => {
    const table = compileKeys(['a', 'a', 'aforo.reasoning_parts', 'aforo.unknown_units'], ['messages'])
    expect(table.kept).toEqual(['a', 'aforo.reasoning_parts', 'aforo.unknown_units'])
    expect([table.reasoningParts, find(table, 'messages')]).toEqual([1, 3])
    expect(find(table, 'aforo.reasoning_parts')).toBe(UNWANTED)
    expect(find(table, 'aforo.unknown_units')).toBe(UNWANTED)
  })

  it('takes keys of 255 bytes and refuses longer, empty and doubly meant ones', () => {
    expect(find(compileKeys(['k'.repeat(255)]), 'k'.repeat(255))).toBe(0)
    const fault = expect.objectContaining({ code: 'invalid_argument' })
    expect(() => compileKeys(['k'.repeat(256)])).toThrow(fault)
    expect(() => compileKeys([''])).toThrow(fault)
    expect(() => compileKeys(['a'], ['a'])).toThrow(fault)
  })
})
