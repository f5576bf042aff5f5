import { expect, it } from 'vitest'
import { tableOf } from './table.ts'

it('prints dialect by pattern, with what passed and what failed', () => {
  const result = (dialect: string, pattern: string, passed: boolean) => ({
    name: 'x',
    dialect,
    pattern,
    passed,
  })
  const table = tableOf([
    result('b', 'P5', true),
    result('b', 'P5', true),
    result('b', 'P5', false),
    result('a', 'P0', true),
    result('a', 'P5', false),
  ])
  expect(table.split('\n').slice(0, 4)).toEqual([
    'dialect    P0    P5',
    'a           1    ✗1',
    'b           ·   2✗1',
    '',
  ])
})
