import type { CheckRequest, Decision } from '../../core/decision.ts'
import { checkRequest, refuse } from '../server/request.ts'
import { lets } from './told.ts'

type Fields = Readonly<Record<string, unknown>>

const SPENDER = ['customer', 'session', 'product', 'agent', 'model', 'trace'] as const
const HOLD = ['estimate', 'reserve', 'ttl_ms', 'idempotency_key'] as const

/** What an evaluation decided, as AuthZEN writes it. */
export interface Evaluated {
  readonly decision: boolean
  readonly context: Fields
}

/**
 * A check out of an AuthZEN evaluation. The subject is the customer, or the agent or session of one that its properties
 * or the context name. The resource may be a model, a product or an agent; of other types it says nothing to us. What is
 * still open is looked for in the subject's properties, then in the context; a hold in the action's properties, then in
 * the context. Throws `invalid_argument`.
 */
export function askedByAuthzen(evaluation: Fields): CheckRequest {
  const subject = entityOf(evaluation, 'subject', 'id')
  const resource = entityOf(evaluation, 'resource', 'id')
  const action = entityOf(evaluation, 'action', 'name')
  const context = fieldsOf(evaluation.context, '/context')
  const body: Record<string, unknown> = {}
  for (const field of SPENDER) body[field] = subject.properties[field] ?? context[field]
  for (const field of HOLD) body[field] = action.properties[field] ?? context[field]
  const { type } = resource
  if (type === 'model' || type === 'product' || type === 'agent') body[type] = resource.name
  body[subject.type === 'agent' || subject.type === 'session' ? subject.type : 'customer'] = subject.name
  return checkRequest(body)
}

export function evaluated({ decision: verdict, ...rest }: Decision): Evaluated {
  return { decision: lets({ decision: verdict, ...rest }), context: { verdict, ...rest } }
}

/** An object of the body; none is an empty one. */
export function fieldsOf(value: unknown, path: string): Fields {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Fields
  return refuse([{ path, message: 'must be an object' }])
}

function entityOf(evaluation: Fields, field: 'subject' | 'resource' | 'action', nameField: 'id' | 'name') {
  const fields = fieldsOf(evaluation[field], `/${field}`)
  const name = fields[nameField]
  const type = field === 'action' ? '' : fields.type
  if (typeof name !== 'string' || name === '')
    refuse([{ path: `/${field}/${nameField}`, message: 'must be text' }])
  if (typeof type !== 'string') refuse([{ path: `/${field}/type`, message: 'must be text' }])
  return { type, name, properties: fieldsOf(fields.properties, `/${field}/properties`) }
}
