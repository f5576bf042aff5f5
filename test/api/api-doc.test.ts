import { test } from 'vitest'
import { LONG_ROUTES, ROUTES } from '../../api/routes.ts'
import { holdTable } from '../support/shown.ts'

/** The table of calls is made from the routes. */
test('docs/API.md lists every call with what it does', () => {
  const calls = [...ROUTES, ...LONG_ROUTES].map(({ method, path, summary }) => {
    return `| \`${method.toUpperCase()} ${path}\` | ${summary.replaceAll('|', '\\|')} |`
  })
  holdTable('docs/API.md', 'calls', ['| call | does |', '|---|---|', ...calls])
})
