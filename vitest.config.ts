import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const packages = fileURLToPath(new URL('packages', import.meta.url))

/** Unit and integration tests see the sources of all packages; whatever runs as a process of its own sees the build. */
const sources = [{ find: /^@penin\/([^/]+)$/, replacement: `${packages}/$1/src/index.ts` }]

export default defineConfig({
  test: {
    reporters: ['default', './scripts/src/totals-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    passWithNoTests: false,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/src/pb/**', '**/*.pb.ts', 'packages/testing/**'],
      reporter: ['text', 'html', 'lcovonly']
    },
    projects: [
      {
        extends: true,
        resolve: { alias: sources },
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.spec.ts', 'scripts/test/**/*.spec.ts'],
          exclude: ['**/fixtures/**'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 }
        }
      },
      {
        extends: true,
        resolve: { alias: sources },
        test: {
          name: 'integration',
          include: ['packages/*/test/**/*.int.ts', 'scripts/test/**/*.int.ts'],
          exclude: ['**/fixtures/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 }
        }
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/test/**/*.e2e.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 }
        }
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: ['e2e/lab/**/*.lab.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 3 }
        }
      }
    ]
  }
})
