import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/collector/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/collector/setup.ts'],
    pool: 'forks',
    // A Collector, an Aforo and a PostgreSQL each: one file at a time is enough for a small machine.
    fileParallelism: false,
    reporters: ['verbose'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
