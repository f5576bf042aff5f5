import { status as grpcStatus } from '@grpc/grpc-js'
import { asAforoError, type ErrorCode } from '../../../core/errors.ts'
import type { Checker } from '../../checker.ts'
import { type AuthzWord, askedByProxy, headerOf } from '../asked.ts'
import type { DoorMetrics } from '../metrics.ts'
import { type Header, lets, limitHeaders, TOLD_HEADERS, toldHeaders } from '../told.ts'
import type { AuthorizationRequest, AuthorizationResponse, HeaderOption } from './messages.ts'

const DOOR = 'ext_authz'

/** Headers of the original request, by names in lower case. */
export type OriginalHeaders = ReadonlyMap<string, string>

/**
 * Answers Envoy's Authorization/Check. Context extensions are the route's own words: they outweigh headers, which are
 * the client's unless something before took them off. Rejects where it is a fault of ours or nobody can be asked, so that
 * Envoy's `failure_mode_allow` decides; whatever else is amiss is denied.
 */
export async function answerAuthorization(
  request: AuthorizationRequest,
  checkerFor: (original: OriginalHeaders) => Promise<Checker>,
  metrics: DoorMetrics,
): Promise<AuthorizationResponse> {
  const extensions = request.attributes?.context_extensions ?? {}
  const original = originalHeaders(request)
  const stated = (word: AuthzWord) =>
    Object.hasOwn(extensions, word) ? extensions[word] : original.get(headerOf(word))
  try {
    const checker = await checkerFor(original)
    const { asked, denyWith } = askedByProxy(stated, request.attributes?.request?.http?.path ?? '')
    const decision = await checker.check(asked)
    metrics.answered(DOOR, decision.decision)
    const told = toldHeaders(decision, asked)
    const limits = limitHeaders(decision, checker.quotaOf(asked, decision.budget))
    const dynamic_metadata = {
      fields: Object.fromEntries(told.map(([name, value]) => [name, { stringValue: value }])),
    }
    if (!lets(decision)) return { ...denial(denyWith, [...told, ...limits]), dynamic_metadata }
    const names = new Set(told.map(([name]) => name))
    const ok_response = {
      headers: told.map(option),
      // What the client says of a decision is not ours, and what opens our door is nobody's.
      headers_to_remove: [...TOLD_HEADERS.filter((name) => !names.has(name)), 'x-aforo-key'],
      response_headers_to_add: limits.map(option),
    }
    return { status: { code: grpcStatus.OK }, ok_response, dynamic_metadata }
  } catch (thrown) {
    const { code } = asAforoError(thrown)
    metrics.answered(DOOR, code)
    if (code === 'internal' || code === 'unavailable') throw thrown
    return denial(code === 'unauthenticated' ? 401 : 403, refusalHeaders(code))
  }
}

function refusalHeaders(code: ErrorCode): Header[] {
  const reason: Header = ['x-aforo-reason', code]
  return code === 'unauthenticated' ? [reason, ['www-authenticate', 'Bearer']] : [reason]
}

const DENIED_STATUS: Readonly<Record<number, number>> = {
  401: grpcStatus.UNAUTHENTICATED,
  429: grpcStatus.RESOURCE_EXHAUSTED,
}

function denial(code: number, headers: readonly Header[]): AuthorizationResponse {
  return {
    status: { code: DENIED_STATUS[code] ?? grpcStatus.PERMISSION_DENIED },
    denied_response: { status: { code }, headers: headers.map(option) },
  }
}

function option([key, value]: Header): HeaderOption {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }
}

/** Envoy sends headers as text, or as bytes where it is told to (`encode_raw_headers`). */
function originalHeaders({ attributes }: AuthorizationRequest): OriginalHeaders {
  const { headers = {}, header_map } = attributes?.request?.http ?? {}
  const found = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) found.set(name.toLowerCase(), value)
  for (const { key, value, raw_value } of header_map?.headers ?? []) {
    found.set(key.toLowerCase(), raw_value?.length ? Buffer.from(raw_value).toString() : (value ?? ''))
  }
  return found
}
