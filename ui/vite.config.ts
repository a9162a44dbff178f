import path from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const server = process.env.ANDON_URL ?? 'http://127.0.0.1:4600'

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '~': path.resolve(import.meta.dirname, 'src') } },
  build: {
    outDir: 'dist',
    // The budget script reads which file needs which.
    manifest: true,
    assetsDir: 'assets',
    target: 'es2022',
    // The strict content policy forbids data: scripts and inline loaders.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/signin', '/signout', '/p/', '/pull', '/status'].map((prefix) => [prefix, { target: server }]),
    ),
  },
})
