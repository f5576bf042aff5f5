import type { Route } from '../route.ts'
import { ROUTES } from '../routes.ts'

/** Something that a file can hold, and the endpoint that it is written by: a PUT, with its checks. */
export interface ApplyKind {
  /** Its place at the top of a file. */
  readonly name: string
  readonly put: Route
  /**
   * Tells what is there under the key. Undefined where a key has several or none tells: then the PUT's status says what
   * it did.
   */
  readonly get: Route | undefined
  /** The part of the path that the item's key in the file stands for; null: there is one of it, without a key. */
  readonly key: string | null
  /** Fields of an item that are parameters of the query. */
  readonly query: readonly string[]
  /** A key may have several, as a list. */
  readonly isList: boolean
}

/** In the order in which they are written: what comes later may name what came before. */
export const APPLY_KINDS: readonly ApplyKind[] = [
  kind('settings', '/v1/settings'),
  kind('fx', '/v1/fx/{currency}', { isList: true }),
  kind('plans', '/v1/plans/{plan_id}', { query: ['from'] }),
  kind('products', '/v1/products/{product}'),
  kind('customers', '/v1/customers/{customer_id}'),
  kind('subscriptions', '/v1/customers/{customer_id}/subscription', { isList: true }),
  kind('top_ups', '/v1/customers/{customer_id}/top-up'),
  kind('prices', '/v1/prices/overrides/{override_id}'),
  kind('contracts', '/v1/prices/contracts/{contract_id}'),
  kind('custom_prices', '/v1/prices/custom/{custom_id}'),
  kind('providers', '/v1/providers/{provider}'),
  kind('webhooks', '/v1/webhooks/{webhook_id}'),
  kind('budgets', '/v1/budgets/{budget_id}'),
  kind('alert_rules', '/v1/alert-rules/{rule_id}'),
]

function kind(
  name: string,
  path: string,
  { query = [], isList = false }: { query?: readonly string[]; isList?: boolean } = {},
): ApplyKind {
  const at = (method: Route['method']) =>
    ROUTES.find((route) => route.method === method && route.path === path)
  const put = at('put')
  if (!put) throw new Error(`there is no PUT ${path}`)
  return {
    name,
    put,
    get: isList ? undefined : at('get'),
    key: /\{(\w+)\}/.exec(path)?.[1] ?? null,
    query,
    isList,
  }
}
