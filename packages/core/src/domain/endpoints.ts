/**
 * Endpoints: where an instance can be reached, and by whom.
 *
 * The runtime says what it offers, a proxy or a probe says what it reaches; the deployer matches the two before anything is
 * made. A *node* names a machine's network (the host's name by default): an address on it means nothing anywhere else.
 */

/** A way to reach an instance. */
export type EndpointKind =
  /** By the container's name, from within a network of the engine. */
  | { readonly kind: 'name'; readonly network: string }
  /** By the container's own address, from the machine that it runs on. */
  | { readonly kind: 'address'; readonly node: string }
  /** By a port of the node, bound to an address of it. */
  | { readonly kind: 'published'; readonly node: string; readonly bind: string };

/** A way to reach one instance now: host and port to connect to. */
export type Endpoint = EndpointKind & { readonly host: string; readonly port: number };

/** What a proxy or a probe reaches; `*` stands for every network or node. */
export type Reach =
  | { readonly kind: 'name'; readonly network: string }
  | { readonly kind: 'address'; readonly node: string }
  | { readonly kind: 'published'; readonly node: string };

const reaches = (reach: Reach, offer: EndpointKind): boolean => {
  if (reach.kind === 'name') return offer.kind === 'name' && [offer.network, '*'].includes(reach.network);
  return offer.kind === reach.kind && [offer.node, '*'].includes(reach.node);
};

/** The first of `reach` that is offered. Order is preference, on both sides. */
export function matchEndpoint(reach: readonly Reach[], offers: readonly EndpointKind[]): EndpointKind | undefined {
  for (const wanted of reach) {
    const offer = offers.find((candidate) => reaches(wanted, candidate));
    if (offer) return offer;
  }
  return undefined;
}

/** Of the endpoints that an instance has now, the one of the kind that was chosen for it. */
export const endpointOf = (endpoints: readonly Endpoint[], chosen: EndpointKind): Endpoint | undefined =>
  endpoints.find((endpoint) => reaches(chosen, endpoint));

/** `name on network apps`, for people. */
export function describeEndpoint(endpoint: EndpointKind | Reach): string {
  if (endpoint.kind === 'name') return `name on network ${endpoint.network}`;
  if (endpoint.kind === 'address') return `address on node ${endpoint.node}`;
  return `published port on node ${endpoint.node}`;
}
