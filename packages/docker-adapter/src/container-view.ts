/** What the engine's inspection of a container means to us. */
import type { Container, ContainerState, Endpoint } from '@quayside/core/ports';
import { BUILT_IN_NETWORKS } from './create-body.js';
import { LABEL, type Labels, ownerOf } from './labels.js';

/** The part of `GET /containers/{id}/json` that is read here. */
export interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Status: ContainerState;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    readonly FinishedAt: string;
    readonly Health?: { readonly Status: string; readonly Log?: readonly { readonly Output: string }[] | null } | null;
  };
  readonly Config: { readonly Labels: Labels | null };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: {
    readonly Networks: { readonly [name: string]: NetworkAttachment };
    readonly Ports?: { readonly [port: string]: readonly { HostIp: string; HostPort: string }[] | null } | null;
  };
}

interface NetworkAttachment {
  readonly NetworkID: string;
  readonly IPAddress: string;
  readonly GlobalIPv6Address: string;
}

export interface ViewContext {
  /** The port that endpoints are wanted for; null: none. */
  readonly port: number | null;
  /** The engine's node. */
  readonly node: string;
  /** Where a port bound to every address is reached. */
  readonly publishedHost: string;
}

/** The engine's word for a time that has not come. */
const NEVER = '0001-01-01T00:00:00Z';

export function containerOf(inspection: Inspection, context: ViewContext): Container {
  const { State: state, Config: config } = inspection;
  const label = (key: string): string | null => config.Labels?.[key] ?? null;
  return {
    name: nameOf(inspection),
    owner: ownerOf(config.Labels),
    project: label(LABEL.project),
    stage: label(LABEL.stage),
    tag: label(LABEL.tag),
    state: state.Status,
    // Once it runs again the engine has forgotten the code of its last end, and says 0.
    exitCode: state.FinishedAt === NEVER || isUp(state.Status) ? null : state.ExitCode,
    oomKilled: state.OOMKilled,
    restarts: inspection.RestartCount,
    health: healthOf(state.Health),
    endpoints:
      state.Status === 'running' && context.port !== null ? endpointsOf(inspection, context.port, context) : [],
  };
}

export const nameOf = ({ Name }: { readonly Name: string }): string => Name.replace(/^\//, '');

const isUp = (state: ContainerState): boolean => state === 'running' || state === 'paused';

function healthOf(health: Inspection['State']['Health']): Container['health'] {
  const status = health?.Status;
  if (status !== 'starting' && status !== 'healthy' && status !== 'unhealthy') return null;
  return { status, lastOutput: (health?.Log?.at(-1)?.Output ?? '').trimEnd() };
}

/** The network given at create comes first: its address is the one that was chosen. */
function endpointsOf(inspection: Inspection, port: number, { node, publishedHost }: ViewContext): Endpoint[] {
  const mode = inspection.HostConfig.NetworkMode;
  const isFirst = ([name, { NetworkID }]: readonly [string, NetworkAttachment]): boolean =>
    name === mode || NetworkID === mode || (mode === 'default' && name === 'bridge');
  const all = Object.entries(inspection.NetworkSettings.Networks);
  const attached = [...all.filter(isFirst), ...all.filter((each) => !isFirst(each))];
  const endpoints: Endpoint[] = [];
  for (const [name] of attached) {
    // The built-in ones look up no names.
    if (!BUILT_IN_NETWORKS.has(name)) endpoints.push({ kind: 'name', network: name, host: nameOf(inspection), port });
  }
  if (mode === 'host') endpoints.push({ kind: 'address', node, host: '127.0.0.1', port });
  for (const [, { IPAddress, GlobalIPv6Address }] of attached) {
    const host = IPAddress || GlobalIPv6Address;
    if (host) endpoints.push({ kind: 'address', node, host, port });
  }
  for (const { HostIp, HostPort } of inspection.NetworkSettings.Ports?.[`${port}/tcp`] ?? []) {
    const isAny = ['', '0.0.0.0', '::'].includes(HostIp);
    const host = isAny ? publishedHost : HostIp;
    const isKnown = endpoints.some(
      (each) => each.kind === 'published' && each.port === Number(HostPort) && each.host === host,
    );
    if (!isKnown) endpoints.push({ kind: 'published', node, bind: HostIp || '0.0.0.0', host, port: Number(HostPort) });
  }
  return endpoints;
}
