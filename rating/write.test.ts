import { expect, test } from 'vitest'
import { CopyWriter } from '../schema/copy-writer.ts'
import { BYTES_KEPT_MAX, SpareWriters } from './write.ts'

test('keeps as many spare writers as its bound, and none that has grown too large', () => {
  const spare = new SpareWriters(2)
  const writers = [new CopyWriter(1), new CopyWriter(1), new CopyWriter(1)]
  spare.giveBack(new CopyWriter(BYTES_KEPT_MAX + 1))
  for (const writer of writers) spare.giveBack(writer)
  expect([spare.take(), spare.take()]).toEqual([writers[1], writers[0]])
  expect(writers).not.toContain(spare.take())
})
