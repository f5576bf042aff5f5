import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '.aforo/**', 'test/collector/**', 'test/doors/**', 'test/sidecars/**'],
    globalSetup: ['test/support/global-setup.ts'],
    // Without a seed, properties try other worlds in each run.
    setupFiles: process.env.PROPERTY_SEED ? ['test/support/property-seed.ts'] : [],
    // Real processes and signals do not work in threads.
    pool: 'forks',
    // A file waits for its database about half of its time.
    maxWorkers: '100%',
    // How long to wait before something is said to have failed: a loaded machine may take ten times as long as an idle one.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
