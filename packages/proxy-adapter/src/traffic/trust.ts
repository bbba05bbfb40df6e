/** Whose word about the visitor is believed: the addresses of proxies in front of this one. */
import { BlockList, isIP } from 'node:net';

export type Trust = (address: string) => boolean;

interface AddressBlock {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

/** `10.0.0.0/8`, `::1` …; undefined for anything else. */
export function addressBlock(text: string): AddressBlock | undefined {
  const [address = '', prefixText, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined;
  const longest = version === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? longest : Number(prefixText);
  return prefix <= longest ? { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix } : undefined;
}

export function trusting(blocks: readonly string[]): Trust {
  if (blocks.length === 0) return () => false;
  const list = new BlockList();
  for (const text of blocks) {
    const block = addressBlock(text);
    if (block) list.addSubnet(block.address, block.prefix, block.family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** A dual-stack socket calls 192.0.2.1 `::ffff:192.0.2.1`; everybody else calls it by its own name. */
export const plainAddress = (address: string | undefined): string => {
  if (address === undefined) return 'unknown';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
};
