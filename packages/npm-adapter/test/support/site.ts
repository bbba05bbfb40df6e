/** A proxy host as an nginx configuration: what the product writes, as far as visitors can tell. */
import type { AccessList, HostRow } from './records.js';

export interface Site {
  readonly host: HostRow;
  readonly directory: string;
  readonly ports: { readonly http: number; readonly https: number };
  readonly accessList: AccessList | undefined;
  /** Whether the record's certificate is there. */
  readonly hasCertificate: boolean;
}

const UPGRADE = `proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
    proxy_http_version 1.1;`;

export function siteConfiguration(site: Site): string {
  const { host, directory, ports, hasCertificate } = site;
  const locations = host.locations ?? [];
  const isDefaultTaken =
    /^(?:.*;)?\s*?location\s*?\/\s*?{/im.test(host.advanced_config) || locations.some(({ path }) => path === '/');
  const upgrade = host.allow_websocket_upgrade ? UPGRADE : '';
  const headers = `proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Scheme $scheme;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Real-IP $remote_addr;`;
  const tls = hasCertificate
    ? `listen 127.0.0.1:${ports.https} ssl;
  ssl_certificate ${directory}/ssl/${host.certificate_id}.crt;
  ssl_certificate_key ${directory}/ssl/${host.certificate_id}.key;`
    : '';
  return `server {
  set $forward_scheme ${host.forward_scheme};
  set $server "${host.forward_host}";
  set $port ${host.forward_port};
  listen 127.0.0.1:${ports.http};
  ${tls}
  server_name ${host.domain_names.join(' ')};
  ${hasCertificate && host.ssl_forced ? 'if ($scheme = http) { return 301 https://$host$request_uri; }' : ''}
  ${upgrade}

${host.advanced_config}

${locations.map((location) => customLocation(location, headers, upgrade)).join('\n')}
${
  isDefaultTaken
    ? ''
    : `  location / {
    ${access(site)}
    ${upgrade}
    add_header X-Served-By $host;
    ${headers}
    proxy_pass $forward_scheme://$server:$port$request_uri;
  }`
}
}
`;
}

/** Here the target is resolved when the configuration is read: an unknown name is a mistake in it. */
const customLocation = (location: NonNullable<HostRow['locations']>[number], headers: string, upgrade: string) =>
  `  location ${location.path} {
    ${location.advanced_config ?? ''}
    ${headers}
    ${upgrade}
    proxy_pass ${location.forward_scheme}://${location.forward_host}:${location.forward_port};
  }`;

function access({ accessList, directory }: Site): string {
  if (!accessList) return '';
  const users = accessList.users.length > 0;
  return [
    users ? 'auth_basic "Authorization required";' : '',
    users ? `auth_basic_user_file ${directory}/access/${accessList.id};` : '',
    ...accessList.allow.map((address) => `allow ${address};`),
    accessList.allow.length > 0 ? 'deny all;' : '',
    accessList.satisfyAny ? 'satisfy any;' : 'satisfy all;',
  ].join('\n    ');
}
