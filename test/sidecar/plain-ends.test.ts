import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Centre } from '../../sidecar/centre/centre.ts'
import { CHECK_BYTES_MAX } from '../../sidecar/server/body.ts'
import { isPlainLength, PLAIN_HEAD_CHARS_MAX, plainHead, plainLine } from '../../sidecar/server/plain-head.ts'
import { checkOf, endOf, open, startStill } from './plain-asker.ts'
import { answersOfBoth, type Pair, SHARES, startPair } from './plain-pair.ts'

const ACME = { customer: 'acme' }

/** A hold has ended as its name says: 'gone' is none. */
const ending: Partial<Centre> = {
  async exchange(_, { ends }) {
    await new Promise(setImmediate)
    return {
      grants: [],
      standings: [],
      ends: ends.map(({ holdId }) => {
        if (holdId === 'gone') return { holdId, state: null }
        const state = holdId === 'free' ? 'released' : 'settled'
        return { holdId, state, late: holdId === 'late', over: [] }
      }),
    }
  },
}

let ends: Pair
beforeAll(async () => {
  ends = await startPair(ending, () => performance.now())
})
afterAll(() => ends.stop())

const actuals = fc.oneof(
  fc.constantFrom('', '{}', 'null', '{"actual":null}', '{"actual":{"input_tokens":4,"output_tokens":"2"}}'),
  fc.constantFrom(
    '{"actual":',
    '[]',
    '{"x":1}',
    '{"actual":{"input_tokens":4}}',
    '{"actual":{"price":"-1"}}',
  ),
)
const endHeaders = fc.subarray([
  'Connection: keep-alive',
  'content-type:application/json',
  'authorization: Bearer some',
  'x-aforo-tenant: other',
])
const endedOf = (holdIds: fc.Arbitrary<string>) =>
  fc
    .tuple(holdIds, fc.constantFrom('settle', 'release'), actuals, endHeaders)
    .map(([holdId, verb, json, lines]) => endOf(holdId, verb, json, lines))
const plainlyEnded = fc.oneof(
  { arbitrary: endedOf(fc.constantFrom('hold_still_1', 'free', 'gone', 'late', 'x'.repeat(256))), weight: 8 },
  fc.constantFrom(
    'POST /v1/holds/a/release HTTP/1.1\r\nhost: a\r\n\r\n',
    'POST /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n',
    checkOf('{"customer":'),
    checkOf({ ...ACME, work: 1 }),
  ),
)

/** Ends that are right, or refused, and are read by node:http. */
const otherwiseEnded = fc.oneof(
  // Characters that do not mean themselves in a path, and too many.
  endedOf(fc.constantFrom('', 'x'.repeat(257), 'a%20b', 'a%', 'a.b', '..', 'a~')),
  fc.constantFrom(
    'POST /v1/holds/a/settle/b HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'POST /v1/holds/a/settle?b HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'POST /v1/holds/a/Settle HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'POST /v1/holds/a/kill HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'POST /v1/holds/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'GET /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\n\r\n',
    'POST /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    `POST /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\ncookie: ${'c'.repeat(PLAIN_HEAD_CHARS_MAX)}\r\n\r\n`,
  ),
)

/** Ends after which node:http closes the connection. */
const lastlyEnded = fc.constantFrom(
  'POST /v1/holds/a/settle HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n',
  'POST /v1/holds/a/settle HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/holds/a/release HTTP/1.1\r\nhost: a\r\ncontent-length: -0\r\n\r\n',
  'POST /v1/holds/a/release HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /v1/holds/a/release HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n',
  'POST /v1/holds/a/release HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'POST /v1/holds/a/release HTTP/1.0\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
  'POST /v1/holds/a\tb/release HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST /v1/holds/a /release HTTP/1.1\r\nhost: a\r\n\r\n',
  endOf('a', 'settle', ' '.repeat(CHECK_BYTES_MAX + 1)),
)

const endings = fc.oneof(
  fc.tuple(fc.array(plainlyEnded, { maxLength: 12 }), lastlyEnded).map(([first, last]) => [...first, last]),
  fc.array(fc.oneof({ arbitrary: plainlyEnded, weight: 4 }, otherwiseEnded), { maxLength: 12 }),
)

describe('plain requests', () => {
  test('that end holds are answered as node:http answers, too', async () => {
    const asked = fc.asyncProperty(endings, SHARES, async (requests, pieces) => {
      const { plain, http } = await answersOfBoth(ends, requests, pieces)
      expect(plain).toBe(http)
    })
    await fc.assert(asked, { numRuns: 200 })
  })

  test('take a hold, end it once, and go on, in the order of the questions', async () => {
    const still = await startStill('plain', {}, {}, () => performance.now())
    let seen = 0
    still.server.on('request', () => {
      seen += 1
    })
    const asker = await open(still.port)
    const hold = { ...ACME, reserve: true, estimate: { input_tokens: '9', max_output_tokens: '9' } }
    asker.socket.write(checkOf(hold))
    await asker.answers(1)
    const [, holdId = ''] = /"hold_id":"([^"]+)"/.exec(asker.text()) ?? []
    const settled = { actual: { input_tokens: 4, output_tokens: 2 } }
    const released = `POST /v1/holds/${holdId}/release HTTP/1.1\r\nhost: a\r\n\r\n`
    asker.socket.write(
      endOf(holdId, 'settle', settled) + checkOf(ACME) + released + endOf('hold_9', 'settle', {}),
    )
    await asker.answers(5)
    expect(seen).toBe(0)
    const bodies = asker.text().match(/{.*?}(?=HTTP|$)/g) ?? []
    const end = { hold_id: holdId, state: 'settled', late: false, source: 'live' }
    expect(bodies.slice(1).map((json) => JSON.parse(json))).toMatchObject([
      end,
      { decision: 'allow' },
      end,
      { code: 'not_found' },
    ])
    asker.socket.destroy()
    await still.stop()
  })
})

test('a hold with an id of one character more is not plain, nor one whose id makes a known head too long', () => {
  const settle = (chars: number) => `POST /v1/holds/${'x'.repeat(chars)}/settle HTTP/1.1\r\n`
  expect(plainLine(settle(256), 0)).toMatchObject({ verb: 'settle', holdId: 'x'.repeat(256) })
  expect(plainLine(settle(257), 0)).toBe('other')
  expect(plainLine(settle(257).slice(0, 200), 0)).toBe('more')
  for (const whole of [settle(3), settle(3).replace('settle', 'release'), checkOf(ACME)]) {
    const line = whole.slice(0, whole.indexOf('\n') + 1)
    for (let chars = 0; chars < line.length; chars++) expect(plainLine(line.slice(0, chars), 0)).toBe('more')
    expect(plainLine(line, 0)).toMatchObject({ chars: line.length })
    for (let at = 0; at < line.length; at++) {
      const other = plainLine(`${line.slice(0, at)}\0${line.slice(at + 1)}`, 0)
      expect(other).toBe('other')
    }
  }
  const text = (idChars: number, chars: number) => {
    const line = settle(idChars)
    return `${line}host: a\r\nx: ${'y'.repeat(chars - line.length - 16)}\r\n\r\n`
  }
  for (const idChars of [1, 200]) {
    for (const more of [0, 1]) {
      const whole = text(idChars, PLAIN_HEAD_CHARS_MAX + 2 + more)
      const line = plainLine(whole, 0)
      if (typeof line === 'string') throw new Error(line)
      expect(typeof plainHead(whole, 0, line)).toBe(more === 0 ? 'object' : 'string')
      expect(isPlainLength(line.chars, whole.length - line.chars)).toBe(more === 0)
    }
  }
})
