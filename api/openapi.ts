import { z } from 'zod'
import { PROBLEMS } from '../core/problem.ts'
import type { Route } from './route.ts'

/** What the document needs of an endpoint. `streams`: content types of an answer that is written as it is made. */
type Described = Omit<Route, 'handle'> & { readonly streams?: readonly string[] }

/** The OpenAPI 3.1 document of the routes. It is made of what checks their input, so it cannot say something else. */
export function openApiDocument(routes: readonly Described[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    paths[route.path]![route.method] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Aforo',
      version,
      description:
        'Amounts and quantities are decimal strings, times are RFC 3339 in UTC. Any PUT, POST or DELETE takes an Idempotency-Key.',
    },
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM },
    },
    // The second, empty one: a server on loopback without any key needs none.
    security: [{ key: [] }, {}],
  }
}

function operation(route: Described): object {
  const answers = Object.entries(route.answers).map(([status, body]) => [
    status,
    { description: Number(status) === 201 ? 'Made.' : 'Done.', content: contentOf(body, route) },
  ])
  return {
    operationId: `${route.method}${route.path.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`,
    summary: route.summary,
    ...(route.description && { description: route.description }),
    parameters: [
      ...parametersOf('path', route.pathFields),
      ...parametersOf('query', route.queryFields),
      { name: 'x-aforo-tenant', in: 'header', required: false, schema: { type: 'string' } },
      ...(route.method === 'get'
        ? []
        : [
            {
              name: 'Idempotency-Key',
              in: 'header',
              required: false,
              schema: { type: 'string', maxLength: 255 },
            },
          ]),
    ],
    ...(route.bodyFields && {
      requestBody: { content: { 'application/json': { schema: schemaOf(route.bodyFields, 'input') } } },
    }),
    responses: {
      ...Object.fromEntries(answers),
      default: {
        description: 'A problem (RFC 9457).',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

function contentOf(body: z.ZodType, { hasText, forms = [], streams = [] }: Described): object {
  return {
    ...(streams.length === 0 && { 'application/json': { schema: schemaOf(body, 'output') } }),
    ...(hasText && { 'text/plain': { schema: { type: 'string' } } }),
    ...Object.fromEntries([...forms, ...streams].map((type) => [type, { schema: { type: 'string' } }])),
  }
}

function parametersOf(place: 'path' | 'query', fields: z.ZodType): object[] {
  const { properties = {}, required = [] } = schemaOf(fields, 'input')
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema,
  }))
}

/** JSON Schema 2020-12, which is what OpenAPI 3.1 speaks. */
function schemaOf(fields: z.ZodType, io: 'input' | 'output') {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(fields, { io, unrepresentable: 'any' })
  return schema as { properties?: Record<string, object>; required?: string[] }
}

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    faults: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}
