import { z } from 'zod'
import {
  ALERT_KIND_NAMES,
  ALERT_KINDS,
  ALERT_SCOPE_FIELDS,
  ALERT_WINDOWS,
  type AlertKind,
  type AlertRule,
} from '../core/alert.ts'
import { DECIMAL_WANTED } from '../core/faults.ts'
import { type Decimal, parseDecimal } from '../core/money.ts'
import { name, ownId } from './fields.ts'

/** How an alert rule is written: every field is checked, and what does not fit together is refused. */

const SECONDS_MAX = 86_400
const AMOUNT_MAX = '1000000000000000'
const FRACTION_DIGITS_MAX = 15

/** What the API adds to a rule; in a PUT these are ignored, so that what was read can be sent back. */
const ADDED = ['rule_id', 'version', 'recorded_at', 'open', 'left_out', 'looked_at', 'failure'] as const

const amount = z.string({ error: DECIMAL_WANTED }).superRefine((text, context) => {
  const value = parseDecimal(text)
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  if (value === null) refuse('must be a decimal number like 0.5')
  else if (value.abs().greaterThan(AMOUNT_MAX)) refuse(`must be at most ${AMOUNT_MAX}`)
  else if (value.decimalPlaces() > FRACTION_DIGITS_MAX)
    refuse(`must have at most ${FRACTION_DIGITS_MAX} digits after the point`)
})

const watched = name.refine(
  (text) => text === '*' || !text.includes('*'),
  'must be one value, or "*" for each one apart',
)
const seconds = z.int().min(0).max(SECONDS_MAX)

const fields = z.strictObject({
  ...(Object.fromEntries(ADDED.map((field) => [field, z.unknown().optional()])) as Record<
    (typeof ADDED)[number],
    z.ZodOptional<z.ZodUnknown>
  >),
  kind: oneOf(ALERT_KIND_NAMES),
  budget: z
    .union([z.literal('*'), ownId], { error: 'must be the id of a budget, or "*" for every one' })
    .optional(),
  scope: z
    .strictObject(Object.fromEntries(ALERT_SCOPE_FIELDS.map((field) => [field, watched.optional()])))
    .optional(),
  window: oneOf(ALERT_WINDOWS).optional(),
  spend: oneOf(['price', 'cogs']).optional(),
  warn: amount.optional(),
  block: amount.optional(),
  clear_by: amount.optional(),
  judge_from: amount.optional(),
  least_seconds: seconds.default(60),
  tell_seconds: seconds.min(1).default(60),
  kill: z.boolean().default(false),
})
type Written = z.infer<typeof fields>
type Refuse = (path: string, message: string) => void

/** What is filled in where the author says nothing, by kind. */
const DEFAULTS: Readonly<Record<AlertKind, Partial<AlertRule> & { readonly clear_by: string }>> = {
  quota: { budget: '*', clear_by: '0.02' },
  budget_tripped: { budget: '*', clear_by: '0' },
  wallet_low: { scope: { customer: '*' }, clear_by: '0' },
  margin_below: { scope: {}, window: 'day', clear_by: '2', judge_from: '1' },
  unpriced_share: { scope: {}, window: 'day', clear_by: '0', judge_from: '20' },
  unmetered_share: { scope: {}, window: 'day', clear_by: '0', judge_from: '20' },
  spend_anomaly: { scope: { customer: '*' }, window: 'hour', spend: 'price', clear_by: '1', judge_from: '1' },
}

/** Shares are from 0 to 1; what is used of a soft budget may be more. */
const THRESHOLD_MAX: Readonly<Partial<Record<AlertKind, string>>> = {
  quota: '1000',
  margin_below: '100',
  unpriced_share: '1',
  unmetered_share: '1',
  spend_anomaly: '1000',
}

/** The body of a rule as it is written. */
export const alertRuleFields = fields.superRefine((rule, context) => {
  const refuse: Refuse = (path, message) =>
    context.addIssue({ code: 'custom', path: path.split('/'), message })
  refuseOddSubject(rule, refuse)
  if (rule.kind === 'budget_tripped') {
    for (const field of ['warn', 'block'] as const)
      if (rule[field] !== undefined) refuse(field, 'is where the budget’s limit is')
  } else refuseOddThresholds(rule, refuse)
})

function refuseOddSubject(rule: Written, refuse: Refuse): void {
  const { kind } = rule
  const { of, windows } = ALERT_KINDS[kind]
  if (of === 'budget') {
    if (rule.scope !== undefined) refuse('scope', `of ${kind} is the budget’s`)
  } else {
    if (rule.budget !== undefined) refuse('budget', `is nothing that ${kind} looks at`)
    const named = Object.entries(rule.scope ?? {}).filter(([, value]) => value !== undefined)
    for (const [field] of named)
      if (!(of as readonly string[]).includes(field))
        refuse(`scope/${field}`, `is nothing that ${kind} can tell apart`)
    if (named.length > 1) refuse('scope', 'must name one field at most')
    if (kind === 'wallet_low' && rule.scope !== undefined && named.length === 0)
      refuse('scope', 'must name a customer, or "*": a wallet is a customer’s')
  }
  if (rule.window !== undefined && !windows.includes(rule.window))
    refuse(
      'window',
      windows.length === 0 ? `is nothing that ${kind} has` : `must be one of ${windows.join(', ')}`,
    )
  if (rule.spend !== undefined && kind !== 'spend_anomaly') refuse('spend', 'is only for spend_anomaly')
  if (
    rule.kill &&
    kind !== 'quota' &&
    kind !== 'budget_tripped' &&
    !rule.scope?.customer &&
    kind !== 'wallet_low'
  )
    refuse('kill', 'needs a subject that can be stopped: a session, an agent or a customer')
  refuseOddFloor(rule, windows.length > 0, refuse)
}

function refuseOddFloor({ judge_from: from, kind }: Written, isJudged: boolean, refuse: Refuse): void {
  if (from === undefined) return
  if (!isJudged) refuse('judge_from', `is nothing that ${kind} has`)
  else if (parseDecimal(from)?.greaterThan(0) === false) refuse('judge_from', 'must be greater than 0')
}

function refuseOddThresholds({ kind, ...rule }: Written, refuse: Refuse): void {
  const [warn, block] = [rule.warn, rule.block].map((text) =>
    text === undefined ? null : parseDecimal(text),
  )
  if (warn === null && block === null && rule.warn === undefined && rule.block === undefined)
    refuse('warn', 'or block must say from where on to tell')
  const isAbove = ALERT_KINDS[kind].direction === 'above'
  for (const [field, value] of [
    ['warn', warn],
    ['block', block],
  ] as const) {
    if (value == null) continue
    const max = THRESHOLD_MAX[kind]
    if (isAbove ? !value.greaterThan(0) : kind === 'wallet_low' && value.isNegative())
      refuse(field, isAbove ? 'must be greater than 0' : 'must not be negative')
    if (max !== undefined && value.greaterThan(max)) refuse(field, `must be at most ${max}`)
  }
  if (warn && block && (isAbove ? block.lessThan(warn) : block.greaterThan(warn)))
    refuse('block', `must not come before warn: ${isAbove ? 'at least' : 'at most'} ${warn.toFixed()}`)
  refuseOddClearing(rule.clear_by ?? DEFAULTS[kind].clear_by, isAbove ? [warn, block] : [], refuse)
}

/** A share that must be back by all of its threshold never is. */
function refuseOddClearing(
  text: string,
  thresholds: readonly (Decimal | null | undefined)[],
  refuse: Refuse,
): void {
  const clearBy = parseDecimal(text)
  if (clearBy === null) return
  if (clearBy.isNegative()) refuse('clear_by', 'must not be negative')
  if (thresholds.some((threshold) => threshold && clearBy.greaterThanOrEqualTo(threshold)))
    refuse('clear_by', `must be less than the thresholds, or no state would end: it is ${text}`)
}

/** The rule as it is kept, with everything filled in. */
export function alertRuleOf(written: Written): AlertRule {
  const said = Object.fromEntries(
    Object.entries(written).filter(
      ([field, value]) => value !== undefined && !(ADDED as readonly string[]).includes(field),
    ),
  )
  return { ...DEFAULTS[written.kind], ...said } as unknown as AlertRule
}

export const alertRulePath = z.object({ rule_id: ownId })

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` })
}
