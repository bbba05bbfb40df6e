import { type ContainerRuntime, type InvalidError, secretMemory } from '@quayside/core/ports';
import { okAsync, type Result } from 'neverthrow';
import { aboutOf } from './about.js';
import { execIn, runToEnd, statisticsOf } from './commands.js';
import { containersOf } from './containers.js';
import { dockerConfigCredentials, remembering } from './credentials.js';
import { openEngine } from './engine.js';
import { imagesOf } from './images.js';
import { containerLogs } from './logs.js';
import { networksOf } from './networks.js';
import { type DockerRuntimeOptions, parseOptions } from './options.js';
import { parseStageOptions } from './stage-options.js';
import { watchContainers } from './watch.js';

/** A `ContainerRuntime` with everything that is optional in the port. */
export type DockerRuntime = Required<ContainerRuntime>;

/**
 * Containers of a Docker engine (API 1.41 on; Podman's is compatible).
 *
 * Opens nothing: a wrong option is the error here, an engine that cannot be found or reached is the first call's.
 */
export function dockerRuntime(
  options: DockerRuntimeOptions = {},
): Result<DockerRuntime, InvalidError<'invalid-options'>> {
  return parseOptions(options).map((resolved): DockerRuntime => {
    const { host, context, tls, network, bind, node, answerTimeout, pullStall } = resolved;
    const engine = openEngine({ host, context, tls }, { answerTimeoutMs: answerTimeout });
    const about = aboutOf(engine, { network, bind, node });
    const networks = networksOf(engine);
    const containers = containersOf(engine, { networks, about, network, bind });
    const known = secretMemory();
    const credentials = remembering(resolved.credentials ?? dockerConfigCredentials(), known);
    const images = imagesOf(engine, { credentials, pullStallMs: pullStall });
    return {
      name: 'docker',
      describe: (call) => about.ask(call).map(({ description }) => description),
      resolve: images.resolve,
      image: images.image,
      pull: images.pull,
      removeImage: images.remove,
      ensureNetwork: networks.ensure,
      removeNetwork: networks.remove,
      create: containers.create,
      connect: containers.connect,
      start: containers.start,
      stop: containers.stop,
      remove: containers.remove,
      inspect: containers.inspect,
      list: containers.list,
      logs: (name, call) => containerLogs(engine, name, call),
      watch: (owner, call) => watchContainers(engine, owner, call),
      exec: (ref, command, call) => execIn(engine, containers, ref, command, call),
      runToEnd: (spec, call) => runToEnd(engine, containers, spec, call),
      statistics: (ref, call) => statisticsOf(containers, ref, call),
      parseOptions: parseStageOptions,
      secrets: known.all,
      close: () => {
        engine.close();
        return okAsync(undefined);
      },
    };
  });
}
