import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { REASONS } from '../../core/decision.ts'
import { FRAME_BODY_BYTES_MAX, FRAMES_UNDER_WAY_MAX } from '../../core/frames.ts'
import { TENANTS_MAX } from '../../sidecar/checkers.ts'
import { KEYS_MAX } from '../../sidecar/deciding/keyed-checks.ts'
import { UNTOLD_HOLDS_MAX } from '../../sidecar/leases/hold-book.ts'
import { CHECK_BYTES_MAX } from '../../sidecar/server/body.ts'
import { CONNECTIONS_MAX } from '../../sidecar/server/check-server.ts'
import { DECISION_STREAMS_MAX } from '../../sidecar/server/decision-streams.ts'
import { PLAIN_MS_MAX, PLAIN_PIECES_MAX, PLAIN_UNDER_WAY_MAX } from '../../sidecar/server/plain-connection.ts'
import { PLAIN_HEAD_CHARS_MAX } from '../../sidecar/server/plain-head.ts'
import { COUNTERS_MAX, KILLS_MAX, SPENDERS_MAX } from '../../sidecar/view/memory.ts'
import { CARDS_MAX } from '../../sidecar/view/tenant-view.ts'
import { type CheckWorld, startWorld } from './start.ts'

const DOC = readFileSync(new URL('../../docs/CHECK.md', import.meta.url), 'utf8')
let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

test('the calls of docs/CHECK.md are answered', async () => {
  const calls = [...DOC.matchAll(/curl -X POST \$check(\S+)(?: -d '([^']*)')?/g)]
  expect(calls.length).toBeGreaterThanOrEqual(4)
  let hold = ''
  for (const [, path, body] of calls) {
    const { status, body: answer } = await world.post(path!.replace('$HOLD', hold), body ?? '{}')
    expect([path, status]).toEqual([path, 200])
    hold = answer.hold_id ?? hold
  }
  expect(hold).not.toBe('')
})

test('docs/CHECK.md tells every reason, and the bounds as they are', () => {
  for (const reason of REASONS) expect(DOC).toContain(`\`${reason}\``)
  for (const bound of [
    SPENDERS_MAX,
    COUNTERS_MAX,
    KILLS_MAX,
    CARDS_MAX,
    KEYS_MAX,
    TENANTS_MAX,
    DECISION_STREAMS_MAX,
    CONNECTIONS_MAX,
    UNTOLD_HOLDS_MAX,
    FRAMES_UNDER_WAY_MAX,
    FRAME_BODY_BYTES_MAX + 5,
    PLAIN_HEAD_CHARS_MAX,
  ]) {
    expect(DOC).toContain(bound.toLocaleString('en-US'))
  }
  const plain = [
    `of 1 to ${CHECK_BYTES_MAX.toLocaleString('en-US')}`,
    `more than ${PLAIN_PIECES_MAX} pieces or is not whole after a second`,
    `${PLAIN_UNDER_WAY_MAX} plain requests`,
  ]
  for (const words of plain) expect(DOC.replace(/\s+/g, ' ')).toContain(words)
  expect(PLAIN_MS_MAX).toBe(1_000)
})
