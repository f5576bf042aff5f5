export { ATTRIBUTION_KEYS, type Attribution } from './attribution.ts'
export { AttributionProcessor } from './attribution-processor.ts'
export { type Metering, type MeteringOf, metered } from './metered.ts'
export { type Instrumentation, type StartOptions, start } from './start.ts'
