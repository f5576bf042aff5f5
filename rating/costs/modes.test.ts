import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inputTokens, NO_TOKENS, outputTokens } from '../../core/usage.ts'
import { splitModes } from './modes.ts'

const count = fc.integer({ min: 0, max: 1000 })

test('audio and the like are taken out of the buckets they are part of, to the token', () => {
  fc.assert(
    fc.property(count, count, count, count, count, (uncached, cached, text, audio, spoken) => {
      const buckets = { ...NO_TOKENS, inputUncached: uncached, cacheRead: cached, outputText: text }
      const units = { input_audio_tokens: audio, output_audio_tokens: spoken }
      const split = splitModes(buckets, units)
      const { inputAudio, cacheReadAudio, outputAudio } = split
      expect(inputAudio + cacheReadAudio).toBe(audio)
      expect(outputAudio).toBe(spoken)
      // What the buckets cannot hold was counted beside them.
      expect(inputTokens(split) + audio).toBe(Math.max(inputTokens(buckets), audio))
      expect(outputTokens(split) + spoken).toBe(Math.max(outputTokens(buckets), spoken))
      expect(Math.min(...Object.values(split))).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('cached audio is what is said to be, and what the uncached input cannot hold', () => {
  const buckets = { ...NO_TOKENS, inputUncached: 100, cacheRead: 80 }
  expect(splitModes(buckets, { input_audio_tokens: 60, cache_read_audio_tokens: 20 })).toMatchObject({
    inputUncached: 60,
    inputAudio: 40,
    cacheRead: 60,
    cacheReadAudio: 20,
  })
  expect(splitModes(buckets, { input_audio_tokens: 150 })).toMatchObject({
    inputUncached: 0,
    inputAudio: 100,
    cacheRead: 30,
    cacheReadAudio: 50,
  })
})

test('several modes share a bucket', () => {
  const buckets = { ...NO_TOKENS, inputUncached: 100, outputText: 50 }
  const units = { input_audio_tokens: 30, input_image_tokens: 50, citation_tokens: 20 }
  expect(splitModes(buckets, units)).toMatchObject({
    inputUncached: 20,
    inputAudio: 30,
    inputImage: 50,
    outputText: 30,
    citation: 20,
  })
})
