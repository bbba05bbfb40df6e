import { contractsOf } from '../law.js';

export const RUNTIME = contractsOf('docs/guides/write-a-container-runtime.md', {
  describing:
    'describe() answers an identity that is stable and unique among engines, and every way to reach an instance.',
  signals:
    'Every method answers `aborted` once its signal is aborted, at once where it is so already, and then does nothing. An abort ends a wait, and no call leaves a listener behind.',
  images:
    'resolve() asks the registry what a reference points to now; pull() brings it and answers what it brought; image() looks only at what the engine has. What is not there is `image-not-found`.',
  'removing-images':
    'removeImage() never works by force: `image-in-use` where a container uses it. Gone already is ok.',
  creating:
    'create() makes the container with its owner on it and does not start it. Again is ok for the same owner, `name-taken` for another. It never pulls.',
  starting:
    'start() runs a container of this owner; running already is ok. What the engine cannot start is `start-failed`, a host port in use `port-taken`.',
  stopping:
    'stop() ends it for good, whatever its restart policy. Stopped already, gone and another owner’s are all ok.',
  removing:
    'remove() takes the container away, running or not, and answers when it is gone: `removed`, `absent`, or `foreign` where the name is another owner’s, which is left alone.',
  inspecting:
    'inspect() tells of whatever has the name, whoever owns it: state, last exit code, restarts, health, and endpoints while it runs. Undefined where there is none.',
  listing: 'list() answers every container that carries the store’s id, running or not, and no other.',
  networks:
    'ensureNetwork() makes what is missing, once; removeNetwork() removes only what carries the store’s id and has nothing attached; connect() attaches a further one. A missing one is `network-missing`.',
  logs: 'logs() gives the container’s output, oldest first. It ends where there is no more, followed with the container, and quietly at an abort; it throws a `QuaysideError` where there is no such container.',
  watching:
    'watch() tells what befalls the store’s own containers, from the moment that its answer is there until the signal is aborted.',
  commands:
    'exec() runs a command in a running container of this owner; runToEnd() creates, runs, waits and removes, also when it is aborted.',
  statistics: 'statistics() tells what a running container of this owner uses now.',
  options:
    'parseOptions() refuses what it does not know, with the path where it was written; what it answers comes back in create().',
});
