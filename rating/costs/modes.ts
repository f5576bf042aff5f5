import type { TokenBuckets } from '../../core/usage.ts'

/** The tokens of a call by bucket and by what they stand for; disjoint. */
export interface ModalTokens extends TokenBuckets {
  readonly inputAudio: number
  readonly inputImage: number
  readonly inputVideo: number
  readonly cacheReadAudio: number
  readonly cacheReadImage: number
  readonly outputAudio: number
  readonly outputImage: number
  readonly outputVideo: number
  readonly citation: number
}

const NO_MODES = {
  inputAudio: 0,
  inputImage: 0,
  inputVideo: 0,
  cacheReadAudio: 0,
  cacheReadImage: 0,
  outputAudio: 0,
  outputImage: 0,
  outputVideo: 0,
  citation: 0,
}

/**
 * Takes audio, image, video and citation tokens out of the buckets they are part of. Those of the input are first
 * looked for in what was not cached, then in what was. More of them than their buckets hold were counted beside the
 * buckets, and are kept: nothing that was told becomes free.
 */
export function splitModes(buckets: TokenBuckets, units: Readonly<Record<string, number>>): ModalTokens {
  if (!hasModes(units)) return { ...buckets, ...NO_MODES }
  const rest = { uncached: buckets.inputUncached, cached: buckets.cacheRead, text: buckets.outputText }
  const audio = takeInput(rest, units.input_audio_tokens, units.cache_read_audio_tokens)
  const image = takeInput(rest, units.input_image_tokens, units.cache_read_image_tokens)
  const video = takeInput(rest, units.input_video_tokens, 0)
  const takeOutput = (count = 0) => {
    rest.text -= Math.min(count, rest.text)
    return count
  }
  const outputAudio = takeOutput(units.output_audio_tokens)
  const outputImage = takeOutput(units.output_image_tokens)
  const outputVideo = takeOutput(units.output_video_tokens)
  const citation = takeOutput(units.citation_tokens)
  return {
    ...buckets,
    inputUncached: rest.uncached,
    cacheRead: rest.cached,
    outputText: rest.text,
    inputAudio: audio.uncached,
    cacheReadAudio: audio.cached,
    inputImage: image.uncached,
    cacheReadImage: image.cached,
    inputVideo: video.uncached + video.cached,
    outputAudio,
    outputImage,
    outputVideo,
    citation,
  }
}

const MODE = /_(?:audio|image|video)_tokens$/

function hasModes(units: Readonly<Record<string, number>>): boolean {
  for (const unit in units) if (unit === 'citation_tokens' || MODE.test(unit)) return true
  return false
}

/** `all` of a mode, of which `cached` are known to be cached. */
function takeInput(
  rest: { uncached: number; cached: number },
  all = 0,
  cached = 0,
): { readonly uncached: number; readonly cached: number } {
  const fresh = Math.max(0, all - cached)
  const fromUncached = Math.min(fresh, rest.uncached)
  const fromCached = Math.min(fresh - fromUncached, Math.max(0, rest.cached - cached))
  rest.uncached -= fromUncached
  rest.cached -= Math.min(rest.cached, cached + fromCached)
  return { uncached: fresh - fromCached, cached: cached + fromCached }
}
