import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { LONG_ROUTES, ROUTES } from '../../api/routes.ts'
import { holdTable } from '../support/shown.ts'
import { tracked } from '../support/tracked.ts'

/** The table of calls is made from the routes. */
test('docs/API.md lists every call with what it does', () => {
  const calls = [...ROUTES, ...LONG_ROUTES].map(({ method, path, summary }) => {
    return `| \`${method.toUpperCase()} ${path}\` | ${summary.replaceAll('|', '\\|')} |`
  })
  holdTable('docs/API.md', 'calls', ['| call | does |', '|---|---|', ...calls])
})

/** Answered at other addresses: the check and its doors, the receiver, a model's provider. */
const ELSEWHERE =
  /^\/v1\/(check|frames|chat|holds|watch|authz|traces$|(sessions|agents|customers)\/[^/]+\/(kill|lift)|metrics|logs)/

test('calls that pages name are answered', () => {
  const known = [...ROUTES, ...LONG_ROUTES].map(({ method, path }) => {
    const pattern = path.replaceAll(/\{\w+\}/g, '[^/]+')
    return { method, pattern: new RegExp(`^${pattern}$`) }
  })
  const faults = tracked('README.md', 'docs/*.md', 'SECURITY.md').flatMap((page) =>
    [
      ...readFileSync(page, 'utf8').matchAll(
        /\b((?:GET|PUT|POST|DELETE)(?:\|(?:GET|PUT|POST|DELETE))*) +(\/v1\/[\w{}|/.-]*)/g,
      ),
    ]
      .flatMap(([, methods, path]) =>
        methods!
          .split('|')
          .flatMap((method) =>
            spelledOut(path!).map((each) => ({ method: method.toLowerCase(), path: each })),
          ),
      )
      .filter(({ path }) => !ELSEWHERE.test(path))
      .filter(
        ({ method, path }) => !known.some((route) => route.method === method && route.pattern.test(path)),
      )
      .map(({ method, path }) => `${page}: ${method} ${path}`),
  )
  expect(faults).toEqual([])
})

/** `…/approve|reject` stands for two calls. */
function spelledOut(path: string): string[] {
  const [head, last] = [path.slice(0, path.lastIndexOf('/') + 1), path.slice(path.lastIndexOf('/') + 1)]
  return last
    .replaceAll(/[{}]/g, '')
    .split('|')
    .map((each) => (head + each).replace(/\.$/, ''))
}
