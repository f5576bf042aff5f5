import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/sidecars/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Most of the time is waiting: for leases of the dead, two minutes and ten seconds.
    maxWorkers: 2,
    reporters: ['verbose'],
    testTimeout: 600_000,
    hookTimeout: 480_000,
  },
})
