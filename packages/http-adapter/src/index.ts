export type { Template, WebhookNotifierOptions } from './notifier/options.js';
export { webhookNotifier } from './notifier/webhook-notifier.js';
export { type HttpProbeOptions, httpProbe } from './probe/http-probe.js';
export type { Credentials, CredentialsFor } from './registry/credentials.js';
export { type DistributionRegistryOptions, distributionRegistry } from './registry/distribution-registry.js';
