import type { Dialect } from './dialect.ts'
import { ANTHROPIC_ROWS } from './rows/anthropic.ts'
import { BACKEND_ROWS } from './rows/backends.ts'
import { FRAMEWORK_ROWS } from './rows/frameworks.ts'
import { GATEWAY_ROWS } from './rows/gateways.ts'
import { HOST_ROWS } from './rows/hosts.ts'
import { OPENINFERENCE_ROWS } from './rows/openinference.ts'
import { OPENLLMETRY_ROWS } from './rows/openllmetry.ts'
import { GENERIC_ROWS, OPENTELEMETRY_ROWS } from './rows/opentelemetry.ts'
import { STATED_ROWS } from './rows/stated.ts'
import { VERCEL_AI_ROWS } from './rows/vercel-ai.ts'

/**
 * Every dialect. A row recognised by the scope or the service of a span comes before any that is recognised by an
 * attribute (a span may carry the attributes of two vocabularies, it has one scope); within that, the order here.
 */
export const DIALECTS: readonly Dialect[] = [
  ...ANTHROPIC_ROWS,
  ...VERCEL_AI_ROWS,
  ...FRAMEWORK_ROWS,
  ...HOST_ROWS,
  ...OPENTELEMETRY_ROWS,
  ...OPENINFERENCE_ROWS,
  ...BACKEND_ROWS,
  ...OPENLLMETRY_ROWS,
  ...GATEWAY_ROWS,
  ...STATED_ROWS,
  ...GENERIC_ROWS,
]
