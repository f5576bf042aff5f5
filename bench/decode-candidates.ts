import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { genAiBatch } from './batches.ts'

const protobufjs = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve('protobufjs/package.json'), 'utf8'),
) as { version: string }

/** What is measured. The reference only decodes; the last candidate also does what the receiver does with a span. */
export const CANDIDATES = {
  protobufjs: `protobufjs ${protobufjs.version} static module, decode only`,
  selective: 'selective, into columns',
  'selective-read': 'selective, ids, times and attributes read',
} as const
export type CandidateName = keyof typeof CANDIDATES

export const PAYLOADS = ['plain', 'contents'] as const
export type PayloadName = (typeof PAYLOADS)[number]

/** What a child is asked: to decode batches of a payload for so long, and to answer with nanoseconds per span. */
export interface DecodeRound {
  readonly payload: PayloadName
  readonly ms: number
}

/** Spans of one batch, as SDKs send them. */
export const SPANS = 512
const BATCHES = 16

/** The bodies to decode: different ones, so that no cache holds all of them. */
export function decodeBatches(payload: PayloadName): readonly Uint8Array[] {
  return Array.from({ length: BATCHES }, (_, seed) =>
    genAiBatch({ spans: SPANS, contents: payload === 'contents', seed }),
  )
}
