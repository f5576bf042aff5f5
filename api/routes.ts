import type { LongRoute } from './long-route.ts'
import type { Route } from './route.ts'
import { alertRoutes } from './routes/alerts.ts'
import { budgetRoutes } from './routes/budgets.ts'
import { contractRoutes } from './routes/contracts.ts'
import { creditRoutes } from './routes/credits.ts'
import { customPriceRoutes } from './routes/custom-prices.ts'
import { customerRoutes } from './routes/customers.ts'
import { eventRoutes } from './routes/events.ts'
import { exceptionRoutes } from './routes/exceptions.ts'
import { exportRoutes } from './routes/exports.ts'
import { fxRoutes } from './routes/fx.ts'
import { invoiceRoutes } from './routes/invoices.ts'
import { marginRoutes } from './routes/margins.ts'
import { ownPriceRoutes } from './routes/own-prices.ts'
import { planRoutes } from './routes/plans.ts'
import { priceUpdateRoutes } from './routes/price-updates.ts'
import { priceRoutes } from './routes/prices.ts'
import { productRoutes } from './routes/products.ts'
import { quoteRoutes } from './routes/quotes.ts'
import { settingRoutes } from './routes/settings.ts'
import { simulationRoutes } from './routes/simulations.ts'
import { topUpRoutes } from './routes/top-up.ts'
import { traceRoutes } from './routes/traces.ts'
import { vendorBillRoutes } from './routes/vendor-bills.ts'
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts'
import { webhookRoutes } from './routes/webhooks.ts'

/** All endpoints of the API that belong to a tenant. */
export const ROUTES: readonly Route[] = [
  ...eventRoutes,
  ...traceRoutes,
  ...customerRoutes,
  ...creditRoutes,
  ...budgetRoutes,
  ...alertRoutes,
  ...topUpRoutes,
  ...planRoutes,
  ...quoteRoutes,
  ...marginRoutes,
  ...exceptionRoutes,
  ...priceRoutes,
  ...ownPriceRoutes,
  ...contractRoutes,
  ...customPriceRoutes,
  ...fxRoutes,
  ...priceUpdateRoutes,
  ...vendorBillRoutes,
  ...settingRoutes,
  ...invoiceRoutes,
  ...webhookRoutes,
  ...webhookDeliveryRoutes,
  ...productRoutes,
]

/** Those of them that take their time. */
export const LONG_ROUTES: readonly LongRoute[] = [...simulationRoutes, ...exportRoutes]
