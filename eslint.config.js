import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import ts from 'typescript-eslint'

const clock = 'Take a Clock (@penin/interface): the tests and the simulation run on a fake one.'
const rng = 'Take an Rng (@penin/interface): the tests and the simulation run on a seeded one.'
const timers = ['setTimeout', 'setInterval', 'setImmediate']
const timerModules = ['timers', 'node:timers', 'timers/promises', 'node:timers/promises']
const sizes = { skipBlankLines: false, skipComments: false }

export default defineConfig(
  globalIgnores(['**/dist', '**/coverage', '**/*.pb.ts', '**/src/pb', 'scripts/.snippets']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.recommendedTypeChecked],
    // One program for everything is several times faster than one per package.
    languageOptions: { parserOptions: { project: './tsconfig.tests.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false }
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An async function without await still turns a throw into a rejection, which is what callers count on.
      '@typescript-eslint/require-await': 'off',
      'max-lines': ['error', { max: 500, ...sizes }],
      'max-lines-per-function': ['error', { max: 80, ...sizes }],
      complexity: ['error', 20],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-empty': ['error', { allowEmptyCatch: false }]
    }
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['packages/testing/**'],
    rules: {
      'no-restricted-globals': ['error', ...timers.map((name) => ({ name, message: clock }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: clock },
        { object: 'performance', property: 'now', message: clock },
        { object: 'Math', property: 'random', message: rng },
        ...timers.map((property) => ({ object: 'globalThis', property, message: clock })),
        { object: 'process', property: 'exit', message: 'Only a bin file may end the process.' }
      ],
      'no-restricted-imports': ['error', { paths: timerModules.map((name) => ({ name, message: clock })) }],
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: clock },
        {
          selector: 'NewExpression[callee.name="Error"]',
          message: 'Make a class per reason in errors.ts (PeninError).'
        }
      ]
    }
  },
  {
    files: ['packages/interface/src/clock.ts', 'packages/interface/src/rng.ts'],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off' }
  },
  {
    files: ['packages/*/src/bin.ts', 'packages/*/src/bin/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' }
  },
  {
    files: ['**/test/**/*.ts', 'e2e/**/*.ts', '**/*.lab.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // expect.any() and friends are `any`, and tests read them into typed places all the time.
      '@typescript-eslint/no-unsafe-assignment': 'off'
    }
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        URL: 'readonly'
      }
    }
  }
)
