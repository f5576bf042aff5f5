import {
  type AttributionKeys,
  DEFAULT_ATTRIBUTION,
  STATED_CUSTOMER,
  STATED_HOLD,
  STATED_PRODUCT,
  STATED_SESSION,
} from './attribution.ts'
import type { Dialect } from './dialect.ts'
import { ERROR_TYPE, HTTP_STATUS, STATED_COST, STATED_TIER } from './facts.ts'
import { REGION } from './normalise.ts'
import { DIALECTS } from './table.ts'
import { STATED_UNIT_KEYS } from './units.ts'
import { MESSAGING_OR_DATABASE } from './worth.ts'

/** Attributes with contents of which the decoders count the reasoning parts, and keep nothing else. */
export const COUNTED_KEYS: readonly string[] = ['gen_ai.output.messages', 'langfuse.observation.output']

/** Attributes with contents of which the decoders keep the usage object inside, and nothing else. */
export const USAGE_INSIDE_KEYS: readonly string[] = [
  ...new Set(DIALECTS.flatMap(({ vocabularies }) => vocabularies.flatMap((v) => v.usageInside ?? []))),
]
  .map(({ key }) => key)
  .sort()

/** Every attribute, of spans and resources, that any row or rule reads with the default attribution. */
export const KEYS: readonly string[] = keysOf([DEFAULT_ATTRIBUTION])

/** The same for the attributions of several tenants: what a decoder must keep. */
export function keysOf(attributions: readonly AttributionKeys[]): readonly string[] {
  const keys = new Set<string>([
    'service.name',
    'service.instance.id',
    STATED_CUSTOMER,
    STATED_PRODUCT,
    STATED_SESSION,
    STATED_HOLD,
    STATED_TIER,
    STATED_COST,
    REGION,
    ERROR_TYPE,
    ...HTTP_STATUS,
    ...STATED_UNIT_KEYS.map(([, key]) => key),
    ...MESSAGING_OR_DATABASE,
    ...DIALECTS.flatMap(keysOfDialect),
    ...attributions.flatMap(({ customer, session }) => [...customer, ...session]),
  ])
  return [...keys].sort()
}

function keysOfDialect(dialect: Dialect): string[] {
  const matches = [
    ...dialect.recognise,
    ...(dialect.estimated ?? []),
    ...(dialect.unfinished ?? []),
    ...(dialect.failed ?? []),
    ...(dialect.failedAs?.when ?? []),
  ]
  return [
    ...matches.flatMap(({ attribute, resource, where, without }) => [
      attribute,
      resource,
      ...Object.keys(where ?? {}),
      ...(without ?? []),
    ]),
    dialect.failureText,
    ...dialect.roles.map((rule) => ('names' in rule ? undefined : rule.attribute)),
    ...dialect.vocabularies.flatMap((vocabulary) => [
      ...Object.values(vocabulary.quantities ?? {}).flat(),
      ...Object.values(vocabulary.units ?? {}).flat(),
      ...Object.values(vocabulary.facts ?? {}).flat(),
      ...(vocabulary.json ?? []).map(({ key }) => key),
      ...(vocabulary.costs ?? []).map(({ key }) => key),
      vocabulary.providerUsage?.key,
    ]),
  ].filter((key) => key !== undefined)
}
