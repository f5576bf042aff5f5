import { expect, test } from 'vitest'
import { RatedRows } from './rated-rows.ts'
import { BYTES_KEPT_MAX, SpareRows } from './write.ts'

class GrownRows extends RatedRows {
  override get capacity(): number {
    return BYTES_KEPT_MAX + 1
  }
}

test('keeps as many spare rows as its bound, and none that have grown too large', () => {
  const spare = new SpareRows(2)
  const rows = [new RatedRows(), new RatedRows(), new RatedRows()]
  spare.giveBack(new GrownRows())
  for (const each of rows) spare.giveBack(each)
  expect([spare.take(), spare.take()]).toEqual([rows[1], rows[0]])
  expect(rows).not.toContain(spare.take())
})
