/**
 * Bounds of what one request may make us hold. They are far above what exporters send: SDKs batch 512 spans, a
 * Collector 8,192 by default.
 */

/** More spans than this in one request are refused as a whole. 64 MiB of 256-byte spans, the smallest seen, just fit. */
export const SPANS_PER_REQUEST_MAX = 262_144

/** Kept attributes of one span or one resource; further ones are left out. Skipped attributes do not count. */
export const ATTRIBUTES_PER_SPAN_MAX = 1_024

/** Bytes of a kept string value. A longer one is left out, a longer name is cut here. */
export const TEXT_BYTES_MAX = 16_384

/**
 * Nesting of groups within an unknown protobuf field. OTLP has no groups; nothing else is entered more than the
 * six levels from the request to a value, so no other nesting can grow.
 */
export const GROUP_DEPTH_MAX = 32

/** Units of one span that nobody knows and that are told by name, and bytes of such a name; further ones are counted. */
export const UNKNOWN_UNITS_MAX = 8
export const UNIT_BYTES_MAX = 64
