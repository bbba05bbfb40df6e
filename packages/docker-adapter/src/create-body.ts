/** What `POST /containers/create` is told of a container. Units are the engine's; ours end here. */
import type { ContainerSpec, Mount } from '@quayside/core/ports';
import { labelsOf } from './labels.js';
import { stageOptionsOf } from './stage-options.js';

export interface CreateContext {
  /** The first network, found: by its id, since names need not be unique. */
  readonly network: { readonly name: string; readonly id: string };
  /** Where an engine-chosen port is bound. */
  readonly bind: string;
  /** The engine's own log driver. */
  readonly logDriver: string;
}

/** Log drivers that keep files of their own, and take `max-size` and `max-file`. */
const ROTATING = new Set(['json-file', 'local']);

/** Networks that every engine has; they take no aliases. */
export const BUILT_IN_NETWORKS: ReadonlySet<string> = new Set(['bridge', 'default', 'host', 'none']);

export function createBody(spec: ContainerSpec, { network, bind, logDriver }: CreateContext): object {
  const options = stageOptionsOf(spec.options);
  const { limits, logRotation } = spec;
  const ports = [...spec.ports];
  const isPublished = spec.port !== null && spec.expose.some((way) => way.kind === 'published');
  if (isPublished && spec.port !== null) {
    ports.push({ containerPort: spec.port, hostPort: null, bind, protocol: 'tcp' });
  }
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { containerPort, hostPort, bind: HostIp, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp, HostPort: hostPort === null ? '' : String(hostPort) }];
  }
  const exposed = [...Object.keys(bindings), ...(spec.port === null ? [] : [`${spec.port}/tcp`])];
  // An engine that logs to journald or elsewhere goes on to: rotation is for those that keep files.
  const rotation =
    logRotation && ROTATING.has(logDriver)
      ? {
          Type: logDriver,
          Config: { 'max-size': String(logRotation.maxBytes), 'max-file': String(logRotation.maxFiles) },
        }
      : undefined;
  const log = options.logDriver ? { Type: options.logDriver.type, Config: options.logDriver.options } : rotation;
  const aliases = spec.networks[0]?.aliases ?? [];

  return {
    Image: spec.image,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: labelsOf(spec),
    ...(spec.command ? { Cmd: spec.command } : {}),
    ...(spec.entrypoint ? { Entrypoint: spec.entrypoint } : {}),
    ...(spec.workingDir === null ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === null ? {} : { User: spec.user }),
    ...(spec.stopSignal === null ? {} : { StopSignal: spec.stopSignal }),
    ...(options.hostname ? { Hostname: options.hostname } : {}),
    // For those who stop it without saying how long: a `docker stop`, the engine's own end.
    StopTimeout: Math.ceil(spec.stopGraceMs / 1000),
    ExposedPorts: Object.fromEntries(exposed.map((key) => [key, {}])),
    HostConfig: {
      NetworkMode: network.id,
      PortBindings: bindings,
      RestartPolicy: { Name: spec.restart },
      Init: spec.init,
      ReadonlyRootfs: spec.readOnlyRoot,
      Mounts: spec.mounts.map(mountOf),
      ...(log ? { LogConfig: log } : {}),
      ...(limits.memoryBytes === null ? {} : { Memory: limits.memoryBytes }),
      ...(limits.cpus === null ? {} : { NanoCpus: Math.round(limits.cpus * 1e9) }),
      ...(limits.pids === null ? {} : { PidsLimit: limits.pids }),
      ...(options.capAdd ? { CapAdd: options.capAdd } : {}),
      ...(options.capDrop ? { CapDrop: options.capDrop } : {}),
      ...(options.securityOpt ? { SecurityOpt: options.securityOpt } : {}),
      ...(options.privileged ? { Privileged: true } : {}),
      ...(options.shmSize === undefined ? {} : { ShmSize: options.shmSize }),
      ...(options.extraHosts ? { ExtraHosts: options.extraHosts } : {}),
      ...(options.dns ? { Dns: options.dns } : {}),
      ...(options.groupAdd ? { GroupAdd: options.groupAdd } : {}),
      ...(options.sysctls ? { Sysctls: options.sysctls } : {}),
      ...(options.cpuShares === undefined ? {} : { CpuShares: options.cpuShares }),
      ...(options.memorySwap === undefined ? {} : { MemorySwap: options.memorySwap }),
      ...(options.devices ? { Devices: options.devices.map(deviceOf) } : {}),
      ...(options.gpus === undefined ? {} : { DeviceRequests: [gpuRequest(options.gpus)] }),
      ...(options.ulimits
        ? { Ulimits: options.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })) }
        : {}),
    },
    ...(BUILT_IN_NETWORKS.has(network.name)
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network.id]: { Aliases: aliases } } } }),
  };
}

function mountOf(mount: Mount): object {
  if (mount.type === 'tmpfs') {
    const { target, sizeBytes } = mount;
    return { Type: 'tmpfs', Target: target, ...(sizeBytes === null ? {} : { TmpfsOptions: { SizeBytes: sizeBytes } }) };
  }
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly };
}

function deviceOf(text: string): object {
  const [host = '', container = host, permissions = 'rwm'] = text.split(':');
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions };
}

const gpuRequest = (gpus: number | 'all'): object => ({
  Count: gpus === 'all' ? -1 : gpus,
  Capabilities: [['gpu']],
});
