import { copyFile } from 'node:fs/promises';
import { library } from '../../tooling/tsup';

export default library({
  // Bundled: its hundreds of small files take a process 150 ms to load, what the store needs of them 10. Its licence goes with it.
  noExternal: ['kysely'],
  onSuccess: () => copyFile('../../node_modules/kysely/LICENSE', 'dist/kysely.LICENSE'),
});
