/**
 * Our part of a host's custom nginx configuration: a location at a well-known path, answered by nginx itself, which names the
 * instance that this very configuration sends requests to. It changes together with the upstream, in one file, and leaves the
 * default location, WebSockets and access lists as they are.
 *
 * The name is given only while the upstream is the one that we put: who changes it at the web page leaves our lines standing. The
 * upstream itself is not told to whoever asks.
 */
export const PROOF_PATH = '/.well-known/quayside-instance';

const BEGIN = '# quayside begin: written by Quayside; what stands outside of these lines is kept';
const END = '# quayside end';

/** Before the instance in the answer. */
const PREFIX = 'quayside ';

export interface ProofTarget {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The custom configuration with our part in it, anew.
 * @param held what there is, with or without an older part of ours
 * @param more the stage's own directives; they live in our part, so that they leave with it
 */
export function withProof(held: string, target: ProofTarget, more: string): string {
  const rest = withoutProof(held);
  return `${rest}${rest ? '\n' : ''}${BEGIN}
location = ${PROOF_PATH} {
  default_type text/plain;
  add_header Cache-Control no-store always;
  if ($server != "${target.host}") { return 404 "elsewhere"; }
  if ($port != "${target.port}") { return 404 "elsewhere"; }
  return 200 "${PREFIX}${target.instance}";
}
${more.trim() ? `${more.trim()}\n` : ''}${END}
`;
}

/** What is left to the people at the web page. */
export function withoutProof(held: string): string {
  const lines = held.split(/\r?\n/);
  const begin = lines.findIndex((line) => line.startsWith('# quayside begin'));
  if (begin < 0) return held.replace(/\s+$/, '');
  const end = lines.findIndex((line, index) => index > begin && line.startsWith(END));
  // Without its end our part is the location alone, up to its closing brace.
  const last = end >= 0 ? end : lines.findIndex((line, index) => index > begin && line === '}');
  const rest = [...lines.slice(0, begin), ...(last >= 0 ? lines.slice(last + 1) : [])];
  return rest.join('\n').replace(/\s+$/, '');
}

/** The instance that an answer names; undefined where it is no answer of ours. */
export const provenInstance = (status: number, body: string): string | undefined =>
  status === 200 ? new RegExp(`^${PREFIX}(\\S+)\\s*$`).exec(body)?.[1] : undefined;
