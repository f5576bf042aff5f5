import { expect, test } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { BATCH_MAX, BATCH_WEIGHT_MAX, BATCHES_UNDER_WAY_MAX, Batcher } from './batcher.ts'

/** A batcher of numbers, each answered by itself when it is told to, and what was asked together. */
function batcher(weight = 1) {
  const asked: { numbers: readonly number[]; answer: (error?: Error) => void }[] = []
  const parts = {
    weightOf: () => weight,
    askAll: (_: string, numbers: readonly number[]) =>
      new Promise<readonly number[]>((resolve, reject) => {
        asked.push({ numbers, answer: (error) => (error ? reject(error) : resolve(numbers)) })
      }),
  }
  const made = new Batcher(parts)
  const next = async (error?: Error) => {
    asked.shift()!.answer(error)
    await turn()
  }
  return { made, asked, next }
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 1))
const MANY = 3 * BATCH_MAX
const sizes = (asked: readonly { numbers: readonly number[] }[]) => asked.map(({ numbers }) => numbers.length)

test('those who ask at once are asked for together, as many as may be, and each has its own answer', async () => {
  const { made, asked, next } = batcher()
  const answers = Promise.all(Array.from({ length: MANY }, (_, no) => made.ask('acme', no)))
  await turn()
  expect(sizes(asked), 'nobody knows yet what they weigh').toEqual(Array(BATCHES_UNDER_WAY_MAX).fill(1))
  while (asked.length > 0) {
    await next()
    expect(asked.length).toBeLessThanOrEqual(BATCHES_UNDER_WAY_MAX)
    for (const size of sizes(asked)) expect(size).toBeLessThanOrEqual(BATCH_MAX)
  }
  expect(await answers).toEqual(Array.from({ length: MANY }, (_, no) => no))
})

test('what weighs much is asked for by fewer', async () => {
  const { made, asked, next } = batcher(BATCH_WEIGHT_MAX / 10)
  const answers = Promise.all(Array.from({ length: 40 }, (_, no) => made.ask('acme', no)))
  await turn()
  for (let once = 0; once < BATCHES_UNDER_WAY_MAX; once++) await next()
  expect(sizes(asked)).toEqual([10, 10])
  while (asked.length > 0) await next()
  expect(await answers).toHaveLength(40)
})

test('a fault of one is told to it alone, and one that passes to all', async () => {
  const { made, asked, next } = batcher()
  const warm = made.ask('acme', 0)
  const other = made.ask('acme', 0)
  const third = made.ask('acme', 0)
  await turn()
  await next()
  await next()
  const together = Promise.allSettled([1, 2, 3].map((no) => made.ask('acme', no)))
  await turn()
  await next()
  expect(sizes(asked)).toEqual([3])
  await next(new AforoError('internal', 'one of them'))
  await next()
  await next(new AforoError('internal', 'this one'))
  await next()
  expect((await together).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await Promise.all([warm, other, third])).toEqual([0, 0, 0])
})

test('nobody who asked is left waiting by a fault that passes', async () => {
  const { made, asked, next } = batcher()
  const answers = Promise.allSettled(Array.from({ length: 10 }, (_, no) => made.ask('acme', no)))
  await turn()
  while (asked.length > 0) await next(new AforoError('unavailable', 'away'))
  expect((await answers).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
})
