import path from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { alias: { '~': path.resolve(import.meta.dirname, 'src') } },
  server: { fs: { allow: ['..'] } },
  test: { include: ['test/**/*.test.ts'], environment: 'node', css: false },
})
