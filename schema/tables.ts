/**
 * The tables as drizzle sees them: a typed view of what the SQL migrations made, nothing is generated from it. A test
 * holds the two together.
 */
export * from './tables/access.ts'
export * from './tables/across-traces.ts'
export * from './tables/alerts.ts'
export * from './tables/budgets.ts'
export * from './tables/credits.ts'
export * from './tables/events.ts'
export * from './tables/invoices.ts'
export * from './tables/journal.ts'
export * from './tables/leases.ts'
export * from './tables/money.ts'
export * from './tables/plans.ts'
export * from './tables/price-updates.ts'
export * from './tables/sessions.ts'

export * from './tables/settings.ts'
export * from './tables/webhooks.ts'
