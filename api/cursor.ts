import { z } from 'zod'
import { AforoError } from '../core/errors.ts'

const KEY = z.array(z.union([z.string().max(1024), z.int32(), z.boolean()])).min(1)

/** The sort key of the last row of a page, as text that means nothing to its bearer. */
export type Key = readonly (string | number | boolean)[]

/** A key as the opaque text that a page ends with. */
export function encodeCursor(key: Key): string {
  return Buffer.from(JSON.stringify(key), 'utf8').toString('base64url')
}

/**
 * The key of a cursor that this list gave out; null where there is none.
 * @param types of the key's columns, in their order
 * @throws AforoError `invalid_argument` for any other text
 */
export function decodeCursor(
  cursor: string | undefined,
  types: readonly ('string' | 'number' | 'boolean')[],
): Key | null {
  if (cursor === undefined) return null
  const key = KEY.safeParse(parsed(cursor))
  if (
    !key.success ||
    key.data.length !== types.length ||
    key.data.some((part, i) => typeof part !== types[i])
  ) {
    throw new AforoError('invalid_argument', 'this cursor is not of this list', {
      faults: [{ path: '/cursor', message: 'is not of this list' }],
    })
  }
  return key.data
}

/**
 * One page of rows that were asked for with one more than `limit`, so that the last page is known for what it is.
 */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => Key,
  show: (row: Row) => T,
): { data: T[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    data: shown.map(show),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null,
  }
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
