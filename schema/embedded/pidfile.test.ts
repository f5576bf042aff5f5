import { expect, it } from 'vitest'
import { parsePidFile } from './pidfile.ts'

const whole = '4711\n/data\n1780000000\n5433\n\n127.0.0.1\n  3670027    163840\nready   \n'

it('reads what a postmaster writes', () => {
  expect(parsePidFile(whole)).toEqual({ pid: 4711, port: 5433, ready: true })
  expect(parsePidFile(whole.replace('ready   ', 'starting'))).toMatchObject({ ready: false })
})

it('reads every beginning of it, as a look in the middle of writing finds it', () => {
  for (let end = 0; end < whole.length; end++) {
    const read = parsePidFile(whole.slice(0, end))
    if (read === undefined) expect(end).toBe(0)
    else expect(String(4711).startsWith(String(read.pid))).toBe(true)
  }
})

it.each(['', '\n', 'x', '-3\n', '0\n', 'NaN\n'])('does not take %j for one', (text) => {
  expect(parsePidFile(text)).toBeUndefined()
})
