import type { Api } from './api.ts'

/** What the demo's tools cost us per call, in USD. */
const TOOL_COSTS: Readonly<Record<string, string>> = {
  'db.query': '0.0023',
  'api.fetch': '0.0023',
  'cache.get': '0.0023',
}

const DAY_MS = 86_400_000

/** Tells Aforo what tools cost us, what the customer pays, and who the customer is. Model prices it knows. */
export async function arrange(api: Api, customer: string, plan: unknown): Promise<void> {
  for (const [tool, price] of Object.entries(TOOL_COSTS)) {
    await api.put(`/v1/prices/overrides/${tool}`, { tool, meter: 'tool_call', unit_price: price })
  }
  await api.put('/v1/plans/demo', plan)
  await api.put(`/v1/customers/${customer}`, {})
  const from = new Date(Date.now() - DAY_MS).toISOString()
  await api.put(`/v1/customers/${customer}/subscription`, { plan: 'demo', from })
  await api.post(`/v1/customers/${customer}/grants`, { amount: '100', kind: 'promo' })
}
