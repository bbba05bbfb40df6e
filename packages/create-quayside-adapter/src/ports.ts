/** The ports that an adapter can be written for. */
export interface Port {
  /** As it is chosen. */
  readonly key: PortKey;
  /** The interface of `@quayside/core/ports`. */
  readonly type: string;
  /** What an adapter of it is for, to go on with "for". */
  readonly purpose: string;
  /** What its factory's name ends in. */
  readonly suffix: string;
  /** Of `@quayside/core/testing`. */
  readonly laws: string;
  /** Page of the guide, from the top of Quayside's repository. */
  readonly guide: string;
  /** What its factory is given in an example: as it is written in code. */
  readonly example: string;
  /** The field of a deployer that takes it. */
  readonly option: string;
}

export type PortKey = 'runtime' | 'proxy' | 'store' | 'probe' | 'notifier' | 'registry' | 'sealer' | 'clock' | 'ids';

const guide = (name: string) => `docs/guides/${name}.md`;

export const PORTS: readonly Port[] = [
  {
    key: 'runtime',
    type: 'ContainerRuntime',
    purpose: 'a container engine',
    suffix: 'Runtime',
    laws: 'containerRuntimeLaws',
    guide: guide('write-a-container-runtime'),
    example: '',
    option: 'runtime',
  },
  {
    key: 'proxy',
    type: 'ProxyManager',
    purpose: 'a reverse proxy',
    suffix: 'Proxy',
    laws: 'proxyManagerLaws',
    guide: guide('write-a-proxy-manager'),
    example: '',
    option: 'proxy',
  },
  {
    key: 'store',
    type: 'Store',
    purpose: 'a database',
    suffix: 'Store',
    laws: 'storeLaws',
    guide: guide('write-a-store'),
    example: '',
    option: 'store',
  },
  {
    key: 'probe',
    type: 'HealthProbe',
    purpose: 'a way to ask an instance whether it is well',
    suffix: 'Probe',
    laws: 'healthProbeLaws',
    guide: guide('write-a-health-probe'),
    example: '',
    option: 'probe',
  },
  {
    key: 'notifier',
    type: 'Notifier',
    purpose: 'somebody who is told',
    suffix: 'Notifier',
    laws: 'notifierLaws',
    guide: guide('write-a-notifier'),
    example: "{ url: 'https://hooks.example.com/quayside' }",
    option: 'notifiers',
  },
  {
    key: 'registry',
    type: 'Registry',
    purpose: 'an image registry',
    suffix: 'Registry',
    laws: 'registryLaws',
    guide: guide('write-a-registry'),
    example: '',
    option: 'registry',
  },
  {
    key: 'sealer',
    type: 'Sealer',
    purpose: 'a place that keeps keys',
    suffix: 'Sealer',
    laws: 'sealerLaws',
    guide: guide('replace-clock-ids-sealer'),
    example: "{ key: 'quayside' }",
    option: 'sealer',
  },
  {
    key: 'clock',
    type: 'Clock',
    purpose: 'a source of time',
    suffix: 'Clock',
    laws: 'clockLaws',
    guide: guide('replace-clock-ids-sealer'),
    example: '',
    option: 'clock',
  },
  {
    key: 'ids',
    type: 'Ids',
    purpose: 'a source of identifiers',
    suffix: 'Ids',
    laws: 'idsLaws',
    guide: guide('replace-clock-ids-sealer'),
    example: '',
    option: 'ids',
  },
];

/** By its key or by the name of its interface, whatever the case. */
export const portOf = (text: string): Port | undefined =>
  PORTS.find(({ key, type }) => [key, type.toLowerCase()].includes(text.toLowerCase()));
