import { expect, test } from 'vitest'
import { faultsOf } from './faults.ts'

test('a fault is at the place of its field, a field that is not known at its own', () => {
  const issues = [
    { path: ['meters', 0, 'a/b~c'], message: 'must be an object' },
    { path: ['meters'], message: 'unrecognized', keys: ['x', 'y'] },
    { path: [], message: 'must be an object' },
  ]
  expect(faultsOf(issues)).toEqual([
    { path: '/meters/0/a~1b~0c', message: 'must be an object' },
    { path: '/meters/x', message: 'is not a known field' },
    { path: '/meters/y', message: 'is not a known field' },
    { path: '/', message: 'must be an object' },
  ])
})
