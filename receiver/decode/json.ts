import { AforoError } from '../../core/errors.ts'
import { SpanBatch } from './batch.ts'
import { SpanColumns } from './columns.ts'
import { malformed, objects, optionalObject, optionalText } from './json-fields.ts'
import { JsonSpanReader, readJsonAttributes } from './json-span.ts'
import type { KeyTable } from './keys.ts'
import { cut, storable } from './strings.ts'

/**
 * Decodes OTLP/JSON: ids in hex, enumerations as numbers, 64-bit integers as decimal strings or numbers, field names
 * in lowerCamelCase only; unknown fields are ignored, null is an absent field. Gives what `decodeProtobuf` gives for
 * the same request. Times and integers sent as JSON numbers are as exact as a JSON number is.
 *
 * @throws AforoError `invalid_argument` for a body that is not such a request, `body_too_large` for too many spans
 */
export function decodeJson(body: Uint8Array, keys: KeyTable): SpanBatch {
  const request = parse(body)
  const columns = new SpanColumns(keys, body.length)
  const spans = new JsonSpanReader(columns)
  for (const resourceSpans of objects(request, 'resourceSpans')) {
    columns.startResource()
    const resource = optionalObject(resourceSpans, 'resource')
    if (resource !== undefined) readJsonAttributes(resource, columns, columns.resourceAttributes)
    for (const scopeSpans of objects(resourceSpans, 'scopeSpans')) {
      columns.startScope()
      const scope = optionalObject(scopeSpans, 'scope')
      if (scope !== undefined) {
        columns.nameScope(cut(storable(optionalText(scope, 'name'))))
        columns.versionScope(cut(storable(optionalText(scope, 'version'))))
      }
      for (const span of objects(scopeSpans, 'spans')) spans.read(span)
      columns.endScope()
    }
    columns.endResource()
  }
  return new SpanBatch(columns)
}

function parse(body: Uint8Array): object {
  let request: unknown
  try {
    request = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch (error) {
    throw new AforoError('invalid_argument', 'body is not JSON', { cause: error })
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw malformed('request', 'an object')
  return request
}
