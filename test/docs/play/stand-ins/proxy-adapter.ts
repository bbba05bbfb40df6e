import { okAsync } from 'neverthrow';
import { type ListenOptions, embeddedProxy as real } from '../../../../packages/proxy-adapter/src/index.js';
import { standIn } from '../site.js';

export * from '../../../../packages/proxy-adapter/src/index.js';

/** It listens nowhere: who is served is asked of the proxy in memory. */
export const embeddedProxy = standIn('embeddedProxy', real, ({ proxy }, options = {}) => ({
  ...proxy,
  hasCertificates: options.tls !== undefined,
  listen: ({ host, port, tls = false }: ListenOptions) =>
    okAsync({ url: `${tls ? 'https' : 'http'}://${host}:${port}`, close: async () => {} }),
}));
