/** Arrows point one way: domain <- ports <- flow <- deployer <- (host | cli). What breaks this breaks the build. */
const core = '^packages/core/src/';
const inner = (from, allowed) => ({
  name: `core-${from}`,
  severity: 'error',
  comment: `core/src/${from} may import only ${allowed.join(', ')}`,
  from: { path: `${core}${from}/`, pathNot: '(\\.test|/testbed)\\.ts$' },
  to: { path: core, pathNot: allowed.map((name) => `${core}${name}${name.endsWith('.ts') ? '$' : '/'}`) },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    inner('domain', ['domain']),
    inner('ports', ['ports', 'domain']),
    inner('kernel', ['kernel', 'ports', 'domain']),
    inner('events', ['events', 'kernel', 'ports', 'domain']),
    inner('config', ['config', 'ports', 'domain']),
    inner('flow', ['flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('tasks', ['tasks', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('workers', ['workers', 'tasks', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('recovery', ['recovery', 'watch', 'tasks', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('watch', ['watch', 'tasks', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('retention', ['retention', 'recovery', 'tasks', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('plugins', ['plugins', 'flow', 'config', 'events', 'kernel', 'ports', 'domain']),
    inner('testing', ['testing', 'kernel', 'ports', 'domain', 'system.ts']),
    {
      name: 'core-is-pure',
      severity: 'error',
      comment:
        'The core imports its three dependencies (and the bundled SHA-256), no Node module, HTTP client or adapter.',
      from: { path: core, pathNot: '(\\.test|/testbed)\\.ts$' },
      to: { pathNot: [core, 'node_modules/(neverthrow|eventemitter3|zod|@stablelib/(sha256|hash|binary|wipe))/'] },
    },
    {
      name: 'adapters-see-ports-only',
      severity: 'error',
      comment: 'An adapter imports @quayside/core/ports and the testing kit, no other adapter and nothing of the CLI.',
      from: { path: '^packages/([^/]+-adapter)/src/', pathNot: '^packages/api-adapter/' },
      to: {
        path: '^packages/',
        pathNot: ['^packages/$1/', '^packages/core/src/ports\\.ts$', '^packages/core/src/testing/index\\.ts$'],
      },
    },
    {
      name: 'callers-see-ports-and-types',
      severity: 'error',
      comment:
        'What calls a deployer implements no port: it imports the types of the core, too, and nothing that runs.',
      from: { path: '^packages/(api-adapter)/src/' },
      to: {
        path: '^packages/',
        pathNot: ['^packages/$1/', '^packages/core/src/(ports|index)\\.ts$', '^packages/core/src/testing/index\\.ts$'],
      },
    },
    {
      name: 'callers-see-types-alone',
      severity: 'error',
      comment: 'A deployer is handed to what calls it; of @quayside/core only types are imported.',
      from: { path: '^packages/api-adapter/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/core/src/index\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-deep-imports',
      severity: 'error',
      comment: 'Packages meet at their index.',
      from: { path: '^packages/([^/]+)/' },
      to: {
        path: '^packages/[^/]+/src/',
        pathNot: [
          '^packages/$1/',
          '/src/index\\.ts$',
          '^packages/core/src/ports\\.ts$',
          '^packages/core/src/testing/index\\.ts$',
        ],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
