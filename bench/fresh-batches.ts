import { genAiBatch } from './batches.ts'
import { Dice } from './dice.ts'

/** What a response's id begins with; 24 hex digits come behind it. */
const RESPONSE_ID = Buffer.from('chatcmpl-')
const TRACE_ID_BYTES = 16
/** A span's trace id stands behind these: field 1, 16 bytes. */
const TRACE_ID_FIELD = Buffer.of(0x0a, TRACE_ID_BYTES)

/**
 * Batches with contents that are each other's copies but for the ids of traces and responses: to make them anew costs more
 * than to receive them, and one that was sent before is dropped as a resend.
 */
export class FreshBatches {
  readonly spans: number
  readonly #bodies: readonly {
    readonly bytes: Buffer
    readonly traces: number[]
    readonly responses: number[]
  }[]
  readonly #dice: Dice
  #turn = 0

  constructor(count: number, spans: number, seed: number) {
    this.spans = spans
    this.#dice = new Dice(seed)
    this.#bodies = Array.from({ length: count }, (_, i) => {
      const bytes = Buffer.from(genAiBatch({ spans, contents: true, seed: seed + i }))
      return { bytes, ...idsIn(bytes, spans) }
    })
  }

  /** The next one. It may be changed once it is acknowledged and all others were given. */
  next(): Buffer {
    const { bytes, traces, responses } = this.#bodies[this.#turn++ % this.#bodies.length]!
    // Spans of one trace stay together: all its ids are moved alike.
    const shift = this.#dice.bytes(8)
    for (const at of traces) for (let i = 0; i < shift.length; i++) bytes[at + i] = bytes[at + i]! ^ shift[i]!
    const digits = this.#dice.hex(16)
    for (const at of responses) bytes.write(digits, at, 'latin1')
    return bytes
  }
}

/** Where the ids stand. Responses keep their last digits, by which they differ. */
function idsIn(bytes: Buffer, spans: number): { traces: number[]; responses: number[] } {
  const responses: number[] = []
  for (let at = bytes.indexOf(RESPONSE_ID); at >= 0; at = bytes.indexOf(RESPONSE_ID, at + 1))
    responses.push(at + RESPONSE_ID.length)
  const traces: number[] = []
  // Behind it is the span id: field 2, 8 bytes.
  for (let at = bytes.indexOf(TRACE_ID_FIELD); at >= 0; at = bytes.indexOf(TRACE_ID_FIELD, at + 1)) {
    const id = at + TRACE_ID_FIELD.length
    if (bytes[id + TRACE_ID_BYTES] === 0x12 && bytes[id + TRACE_ID_BYTES + 1] === 8) traces.push(id)
  }
  if (traces.length !== spans) throw new Error(`${traces.length} spans of ${spans} were found`)
  return { traces, responses }
}
