/** Writes protobuf fields. Enough for the answers we give: lengths stay below 2^31, numbers below 2^53. */
const VARINT = 0
const LENGTH_DELIMITED = 2

/** A number field; nothing at all for 0, as proto3 has it. */
export function numberField(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint((field << 3) | VARINT), varint(value)])
}

/** A string, bytes or message field, present even where it is empty. */
export function bytesField(field: number, value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([varint((field << 3) | LENGTH_DELIMITED), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
