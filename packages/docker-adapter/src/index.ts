/** `ContainerRuntime` for Quayside over the Docker Engine API. */
export { type CredentialSource, dockerConfigCredentials, type RegistryCredentials } from './credentials.js';
export type { DockerRuntimeOptions } from './options.js';
export { type DockerRuntime, dockerRuntime } from './runtime.js';
export type { StageOptions } from './stage-options.js';
