import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SETTINGS } from '../core/config.ts'

/** The settings table of the README is made from the rows of core/config.ts. UPDATE=1 rewrites it. */
it('lists every setting with its default', () => {
  const readme = readFileSync('README.md', 'utf8')
  const table = [
    '| setting | default | about |',
    '|---|---|---|',
    ...SETTINGS.map(
      (s) => `| \`${s.name}\` | ${s.fallback === '' ? '' : `\`${s.fallback}\``} | ${s.about} |`,
    ),
  ].join('\n')
  const expected = readme.replace(
    /<!-- settings:begin -->[\s\S]*<!-- settings:end -->/,
    `<!-- settings:begin -->\n${table}\n<!-- settings:end -->`,
  )
  if (process.env.UPDATE) writeFileSync('README.md', expected)
  else expect(readme).toBe(expected)
})
