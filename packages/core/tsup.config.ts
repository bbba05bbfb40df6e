import { library } from '../../tooling/tsup';

export default library({
  entry: { index: 'src/index.ts', ports: 'src/ports.ts', testing: 'src/testing/index.ts' },
  platform: 'neutral',
  // A kept, pure SHA-256: bundled, so that the core stays at its three dependencies.
  noExternal: [/^@stablelib\//],
});
