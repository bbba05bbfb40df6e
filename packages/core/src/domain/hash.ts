import { hash } from '@stablelib/sha256';

/** Lower case letters and digits without those that are read wrongly (i, l, o, u): Crockford's base 32. */
export const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/** SHA-256 of a text as 52 characters of `[0-9a-z]`, each of them five bits: safe in a DNS label and a container name. */
export function hashText(text: string): string {
  let out = '';
  let bits = 0;
  let buffer = 0;
  for (const byte of hash(new TextEncoder().encode(text))) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += BASE32[(buffer >> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? out + BASE32[(buffer << (5 - bits)) & 31] : out;
}
