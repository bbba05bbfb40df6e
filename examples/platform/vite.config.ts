import { fileURLToPath } from 'node:url';
import { svelte, vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The page, built to `dist/web`, which the host serves. `npm run dev` serves the sources in front of a host on port 4000. */
export default defineConfig({
  root: here('web'),
  plugins: [svelte({ configFile: false, preprocess: vitePreprocess() })],
  build: {
    outDir: here('dist/web'),
    emptyOutDir: true,
    // What is small would become a `data:` address otherwise, which the host's content policy forbids.
    assetsInlineLimit: 0,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(['/v1', '/session'].map((path) => [path, 'http://127.0.0.1:4000'])),
  },
});
