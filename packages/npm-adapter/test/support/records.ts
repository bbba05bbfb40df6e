/** What the product keeps in its database. */

export interface User {
  readonly id: number;
  readonly email: string;
  readonly secret: string;
  readonly roles: readonly string[];
  readonly visibility: 'all' | 'user';
  readonly proxyHosts: 'manage' | 'view' | 'hidden';
  readonly certificates: 'manage' | 'view' | 'hidden';
  readonly twoFactor: boolean;
  isDisabled: boolean;
}

export interface AccessList {
  readonly id: number;
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Addresses that may come; empty: all. */
  readonly allow: readonly string[];
  readonly satisfyAny: boolean;
}

export interface HostRow {
  readonly id: number;
  readonly created_on: string;
  modified_on: string;
  owner_user_id: number;
  domain_names: string[];
  forward_scheme: string;
  forward_host: string;
  forward_port: number;
  access_list_id: number;
  certificate_id: number;
  ssl_forced: boolean;
  hsts_enabled: boolean;
  hsts_subdomains: boolean;
  trust_forwarded_proto: boolean;
  http2_support: boolean;
  block_exploits: boolean;
  caching_enabled: boolean;
  allow_websocket_upgrade: boolean;
  advanced_config: string;
  enabled: boolean;
  meta: { [key: string]: unknown };
  locations:
    | {
        path: string;
        forward_scheme: string;
        forward_host: string;
        forward_port: number;
        forward_path?: string;
        advanced_config?: string;
      }[]
    | null;
}

export interface CertificateRow {
  readonly id: number;
  readonly created_on: string;
  modified_on: string;
  readonly owner_user_id: number;
  readonly provider: string;
  readonly nice_name: string;
  readonly domain_names: string[];
  expires_on: string;
  readonly meta: { [key: string]: unknown };
}

export type HostInput = Partial<Omit<HostRow, 'id' | 'created_on' | 'modified_on' | 'owner_user_id'>>;

export class Records {
  readonly hosts = new Map<number, HostRow>();
  readonly users: User[] = [];
  readonly accessLists = new Map<number, AccessList>();
  readonly certificates = new Map<number, CertificateRow>();
  /** Ids are not used again. */
  #lastHost = 0;
  #lastCertificate = 0;

  /** Before it is issued it ends when it was recorded. */
  insertCertificate(owner: number, provider: string, domains: readonly string[]): CertificateRow {
    this.#lastCertificate += 1;
    const now = new Date().toISOString();
    const row: CertificateRow = {
      id: this.#lastCertificate,
      created_on: now,
      modified_on: now,
      owner_user_id: owner,
      provider,
      nice_name: domains.join(', '),
      domain_names: [...domains],
      expires_on: now,
      meta: { dns_challenge: false },
    };
    this.certificates.set(row.id, row);
    return row;
  }

  insert(owner: number, input: HostInput): HostRow {
    this.#lastHost += 1;
    const now = new Date().toISOString();
    const row: HostRow = {
      id: this.#lastHost,
      created_on: now,
      modified_on: now,
      owner_user_id: owner,
      domain_names: [],
      forward_scheme: 'http',
      forward_host: '',
      forward_port: 80,
      access_list_id: 0,
      certificate_id: 0,
      ssl_forced: false,
      hsts_enabled: false,
      hsts_subdomains: false,
      trust_forwarded_proto: false,
      http2_support: false,
      block_exploits: false,
      caching_enabled: false,
      allow_websocket_upgrade: false,
      advanced_config: '',
      enabled: true,
      meta: {},
      locations: null,
      ...structuredClone(input),
    };
    clean(row);
    this.hosts.set(row.id, row);
    return row;
  }

  patch(row: HostRow, input: HostInput): void {
    Object.assign(row, structuredClone(input), { modified_on: new Date().toISOString() });
    clean(row);
  }

  /** The name that is taken already, whoever owns it. */
  taken(names: readonly string[], exceptId?: number): string | undefined {
    return names.find((name) =>
      [...this.hosts.values()].some(
        (host) => host.id !== exceptId && host.domain_names.some((other) => other.toLowerCase() === name.toLowerCase()),
      ),
    );
  }

  visible(user: User): HostRow[] {
    return [...this.hosts.values()]
      .filter((host) => user.visibility === 'all' || host.owner_user_id === user.id)
      .sort((a, b) => (JSON.stringify(a.domain_names) < JSON.stringify(b.domain_names) ? -1 : 1));
  }
}

/** What needs a certificate is off without one, and so on down the line; nobody is told. */
function clean(row: HostRow): void {
  row.domain_names.sort();
  if (!row.certificate_id) {
    row.ssl_forced = false;
    row.http2_support = false;
  }
  if (!row.ssl_forced) row.hsts_enabled = false;
  if (!row.hsts_enabled) row.hsts_subdomains = false;
}
