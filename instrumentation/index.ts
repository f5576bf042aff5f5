export { ATTRIBUTION_KEYS, type Attribution } from './attribution.ts'
export { AttributionProcessor } from './attribution-processor.ts'
export type { Actual, CheckOptions } from './check-client.ts'
export { guard } from './current.ts'
export { CheckRefusedError, CheckUnavailableError, DeniedError, denialOf } from './denied.ts'
export {
  createGuard,
  type Guard,
  type GuardedCall,
  type GuardOptions,
  type OpenCall,
  type RunningGuard,
  workSignal,
} from './guard.ts'
export { type EstimateOf, estimateOfBody, type GuardedFetchOptions, guardedFetch } from './guarded-fetch.ts'
export { type GuardedMetering, type Metering, type MeteringOf, metered } from './metered.ts'
export { type Instrumentation, type StartOptions, start } from './start.ts'
