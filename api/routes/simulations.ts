import { z } from 'zod'
import { SIMULATION_EVENTS_MAX } from '../../core/simulation.ts'
import { decimal } from '../fields.ts'
import { longRoute } from '../long-route.ts'
import { ok } from '../route.ts'
import { simulationFields, simulationOrder } from '../simulation-order.ts'

const side = z.object({
  revenue: decimal,
  charges: decimal.describe('what events are charged'),
  adjustments: decimal.describe('what is due with the periods that end within the span'),
  cogs: decimal.nullable().describe('null while any call is unpriced'),
  cogs_known: decimal,
  margin: decimal.nullable(),
  margin_pct: decimal.nullable(),
  calls: z.int(),
  unpriced_calls: z.int(),
})
const change = {
  before: side,
  after: side.describe('at the token ratio, or the least'),
  after_high: side.optional().describe('at the most, where a range was given'),
  revenue_change: decimal,
  revenue_change_high: decimal.optional(),
}
const simulation = z.object({
  events: z.int(),
  unattributed_events: z.int().describe('nobody can be charged for them, before or after'),
  unmetered_calls: z.int().describe('nobody knows what they used'),
  pending_revisions: z.int().describe('not rated yet, and not looked at'),
  totals: z.object(change),
  booked: z
    .object({ charges: decimal, charges_difference: decimal, cogs: decimal, cogs_difference: decimal })
    .describe('what the books hold of the same events, and what `before` has beyond it'),
  customers: z.array(z.object({ customer: z.string().nullable(), ...change })),
  models: z.array(z.object({ provider: z.string().nullable(), model: z.string().nullable(), ...change })),
  switched: z.array(
    z.object({
      provider: z.string().nullable(),
      model: z.string().nullable(),
      to_provider: z.string().nullable(),
      to_model: z.string(),
      calls: z.int(),
    }),
  ),
})

export const simulationRoutes = [
  longRoute({
    method: 'post',
    path: '/v1/simulations',
    summary: 'Real events under another plan, with other models, or another mark-up. Nothing is written.',
    description:
      'Revenue, cost and margin before and after, by customer and by model; who pays more comes first. It is answered ' +
      `when it is done, up to ${SIMULATION_EVENTS_MAX} events; one runs at a time, others are answered 503. It ends ` +
      'with the connection of its client.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: simulationFields,
    answers: { 200: simulation },
    role: 'read',
    async run({ tenantId, body, now, parsePlan, simulate, signal }) {
      const order = simulationOrder(body, { tenantId, now, parsePlan, eventsMax: SIMULATION_EVENTS_MAX })
      return ok(await simulate(order, signal))
    },
  }),
]
