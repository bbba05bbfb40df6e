/** What is deployed. Settings and projects are those of `createDeployer`, triggers those of `@quayside/trigger-adapter`. */
export default {
  settings: { domain: 'apps.example.com', maxInstances: 2 },
  projects: {
    shop: {
      image: 'ghcr.io/example/shop',
      port: 3000,
      healthcheckPath: '/healthz',
      stages: {
        dev: {},
        prod: { domains: ['shop.example.com'], rollbackWindow: '1d' },
        'pr-*': { maxInstances: 1, ttl: '7d' },
      },
    },
  },
  // Webhooks at /hooks/ghcr, and a poller for those that are lost: dev follows every release by itself.
  triggers: {
    watch: [{ project: 'shop', stage: 'dev', image: 'ghcr.io/example/shop', tags: { semver: '*' } }],
    sources: { ghcr: { kind: 'ghcr', secret: process.env.HOOK_SECRET } },
  },
};
