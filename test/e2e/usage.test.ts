import { expect, it } from 'vitest'
import { runCommand } from './process.ts'

const ended = (...args: string[]) =>
  runCommand(args, {}).then(
    () => 0,
    (error: { code: number }) => error.code,
  )

it.each([
  [[], 2],
  [['audit', '--nonsense'], 2],
  [['replay'], 2],
  [['keys', 'create', '--nonsense'], 2],
  [['audit', '--help'], 0],
] as const)('aforo %j ends with %i', async (args, code) => {
  expect(await ended(...args)).toBe(code)
})
