/**
 * What the engine's refusals and a broken connection mean, as tagged errors.
 *
 * The status alone says little (a registry that is down is a 500, a missing login too) and dockerode's `reason` is often
 * wrong, so status and message are read together. Messages are the engine's own, of 20.10 to 28, and hold no credentials.
 */
import type { RuntimeError } from '@quayside/core/ports';

/** An HTTP answer that is no success. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

type Of<Kind extends RuntimeError['kind']> = Extract<RuntimeError, { readonly kind: Kind }>;

const fault = <Kind extends RuntimeError['kind']>(
  kind: Kind,
  message: string,
  hint: string,
  more: { readonly code?: string; readonly retryable?: boolean; readonly outcome?: 'unknown' | 'refused' } = {},
): Of<Kind> => ({ kind, message, hint, retryable: false, ...more }) as unknown as Of<Kind>;

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

// --- containers -------------------------------------------------------------------------------------------------------

export const containerMissing = (name: string): RuntimeError =>
  fault('container-missing', `There is no container "${name}" of ours.`, 'Deploy again: somebody has removed it.');

export const nameTaken = (name: string): RuntimeError =>
  fault(
    'name-taken',
    `Container "${name}" exists already and is not this deployment's.`,
    `Rename or remove it (docker rm ${name}), then deploy again.`,
  );

export const networkMissing = (network: string): RuntimeError =>
  fault('network-missing', `There is no network "${network}".`, `Create it (docker network create ${network}).`);

export const imageMissing = (reference: string): RuntimeError =>
  fault('image-not-found', `The engine has no image ${reference}.`, 'Pull it first, or deploy again.');

/** The engine would not create the container. */
export function createRefusal({ status, message }: Refusal, image: string): RuntimeError {
  if (status === 404 && /no such image/i.test(message)) return imageMissing(image);
  const network = missingNetwork(message);
  if (status === 404 && network) return networkMissing(network);
  if (/bind source path does not exist/i.test(message)) {
    const hint = "Create the folder on the engine's machine, or correct the stage's `mounts`.";
    return fault('engine-refused', sentence(message), hint, { code: 'mount-source' });
  }
  if (status === 400) {
    const hint = "Correct what the message names in the stage's settings.";
    return fault('engine-refused', sentence(message), hint, { code: '400' });
  }
  return refused({ status, message });
}

/** The engine would not start it, or could not. */
export function startRefusal({ status, message }: Refusal, name: string): RuntimeError {
  if (/port is already allocated|address already in use/i.test(message)) {
    const port = /(?:Bind for|listen tcp4?6?) \S+?:(\d+)/.exec(message)?.[1];
    const what = port ? `Host port ${port}` : 'A host port';
    const hint = 'Stop what holds it (ss -ltnp, docker ps), or publish another one.';
    return fault('port-taken', `${what}, which "${name}" publishes, is in use.`, hint, {
      ...(port ? { code: port } : {}),
    });
  }
  const network = missingNetwork(message);
  if (status === 404 && network) return networkMissing(network);
  if (status === 404) return containerMissing(name);
  if (status === 409) return refused({ status, message });
  return fault('start-failed', `"${name}" could not be started: ${sentence(message)}`, ...startAdvice(message));
}

function startAdvice(message: string): [hint: string, more: { readonly code: string }] {
  const missing =
    /exec: "([^"]*)"[^:]*: (?:executable file not found|no such file or directory)|stat (\S+): no such file/i.exec(
      message,
    );
  if (missing || /executable file not found/i.test(message)) {
    const command = missing?.[1] ?? missing?.[2];
    const what = command ? `"${command}" is not in the image` : 'The command is not in the image';
    return [`${what}: correct the stage's \`command\` or the image's CMD.`, { code: 'command-missing' }];
  }
  if (/permission denied/i.test(message)) {
    return ['Make the command executable in the image (chmod +x), or correct `user`.', { code: 'command-denied' }];
  }
  if (/exec format error/i.test(message)) {
    return ["Build the image for the engine's platform, with a #! line if it starts a script.", { code: 'platform' }];
  }
  if (/unable to find user|no matching entries in passwd/i.test(message)) {
    return ["Correct the stage's `user`: the image does not know it.", { code: 'user-missing' }];
  }
  if (/mount/i.test(message)) return ["Correct the stage's `mounts`.", { code: 'mount' }];
  return ["Read the engine's message; its own log says more (journalctl -u docker).", { code: 'start' }];
}

const missingNetwork = (message: string): string | undefined => /network (\S+) not found/i.exec(message)?.[1];

// --- images and registries --------------------------------------------------------------------------------------------

export const referenceInvalid = (reference: string): RuntimeError =>
  fault('image-not-found', `"${reference}" is no image reference.`, 'Write it as registry/name:tag.', {
    code: 'invalid-reference',
  });

export const imageInUse = (reference: string, message: string): RuntimeError =>
  fault('image-in-use', `${reference} is in use: ${sentence(message)}`, 'Remove the containers that use it first.');

/** Why an image could not be resolved or pulled. A failure in the pull's stream has no status: null. */
export function registryRefusal(
  { status, message }: { readonly status: number | null; readonly message: string },
  reference: string,
  registry: string,
): RuntimeError {
  const text = sentence(message);
  if (/toomanyrequests|too many requests|rate limit/i.test(message)) {
    const hint = 'Wait, or log in: a registry counts an account less strictly than an address.';
    return fault('registry-denied', `${registry} limits its pulls: ${text}`, hint, {
      code: 'rate-limited',
      retryable: true,
    });
  }
  if (/no space left on device|disk quota exceeded/i.test(message)) {
    const hint = "Free space on the engine's machine (docker system df, docker image prune).";
    return fault('image-unusable', `The engine has no room for ${reference}: ${text}`, hint, { code: 'disk-full' });
  }
  if (
    /no matching manifest|does not match the (specified )?platform|operating system .* cannot be used/i.test(message)
  ) {
    const hint = "Push the image for the engine's platform (docker buildx build --platform …).";
    return fault('image-unusable', `${reference} does not run on this engine: ${text}`, hint, { code: 'platform' });
  }
  // Before the denials: a certificate's text may say `authority`, and a proxy's 403 is a registry's no.
  if (/x509|certificate|gave HTTP response to HTTPS client|tls: /i.test(message)) {
    const hint = `Give the engine the registry's certificate (/etc/docker/certs.d/${registry}/ca.crt), or name it in "insecure-registries".`;
    return fault('registry-unreachable', `The engine does not trust ${registry}: ${text}`, hint, { code: 'tls' });
  }
  if (
    status === 401 ||
    status === 403 ||
    /no basic auth credentials|unauthorized|authentication required|access denied|denied:|forbidden|incorrect username/i.test(
      message,
    )
  ) {
    const hint = `Check the image's name and log in (docker login ${registry}), or give \`credentials\`.`;
    return fault('registry-denied', `${registry} does not give ${reference}: ${text}`, hint);
  }
  if (status === 400 || /invalid reference format/i.test(message)) return referenceInvalid(reference);
  if (
    /dial tcp|dial unix|connection re(fused|set)|no such host|timeout|deadline exceeded|EOF|server misbehaving|unexpected HTTP status: 5|network is unreachable|no route to host|proxyconnect/i.test(
      message,
    )
  ) {
    const hint = `See whether the engine's machine reaches ${registry} (curl https://${registry}/v2/).`;
    return fault('registry-unreachable', `${registry} did not answer for ${reference}: ${text}`, hint, {
      retryable: true,
    });
  }
  if (
    /failed to register layer|verification failed|unpack|archive\/tar|gzip|mismatched image|layer does not exist/i.test(
      message,
    )
  ) {
    const hint = 'Push the image again; if it fails again, look at the disk of the engine and of the registry.';
    return fault('image-unusable', `${reference} could not be unpacked: ${text}`, hint, { code: 'unpack' });
  }
  if (status === 404 || /manifest unknown|name unknown|not found/i.test(message)) {
    return fault(
      'image-not-found',
      `${registry} has no ${reference}: ${text}`,
      'Push it, or correct the name or the tag.',
    );
  }
  return refused({ status: status ?? 500, message });
}

// --- whatever it was --------------------------------------------------------------------------------------------------

/** An answer that nobody has a better word for. */
export function refused({ status, message }: Refusal): RuntimeError {
  // What stands between us and the engine answers so, and cannot know what the engine did.
  const isBetween = status === 502 || status === 503 || status === 504;
  return fault(
    'engine-refused',
    `The engine refused (${status}): ${sentence(message)}`,
    ADVICE[status] ?? ADVICE[500],
    {
      code: String(status),
      retryable: status >= 500,
      ...(isBetween ? { outcome: 'unknown' as const } : {}),
    },
  );
}

const ADVICE: { readonly [status: number]: string } & { readonly 500: string } = {
  400: 'Correct what the message names.',
  403: 'Let this account use the engine, or correct what the message names.',
  409: 'Look at the container (docker ps -a), then try again.',
  500: "Read the engine's own log (journalctl -u docker), then try again.",
};

const CONNECTION_ADVICE: { readonly [code: string]: readonly [hint: string, retryable: boolean] } = {
  ENOENT: ['Start the engine (systemctl start docker), or say where it is: DOCKER_HOST, or the `host` option.', true],
  ECONNREFUSED: ['Start the engine (systemctl start docker).', true],
  EACCES: ['Let this account use the socket (usermod -aG docker, then log in anew), or use a rootless engine.', false],
  EPERM: ['Let this account use the socket (usermod -aG docker, then log in anew), or use a rootless engine.', false],
  ENOTFOUND: ["Correct the host's name, or its DNS.", true],
  EAI_AGAIN: ["Try again: the host's name could not be looked up.", true],
  ENETUNREACH: ['See whether the machine is reachable.', true],
  EHOSTUNREACH: ['See whether the machine is reachable.', true],
  ETIMEDOUT: ['See whether the machine is reachable and its firewall lets us through.', true],
  ESSH: ['See that `ssh HOST docker version` works without a question (key in the agent, host known).', true],
};

/** Nobody answered, or the connection broke. Before it stood, nothing can have been done. */
export function unreachable(where: string, cause: unknown): RuntimeError {
  const { code = '', message = String(cause) } = (cause ?? {}) as { code?: string; message?: string };
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code);
  const known = CONNECTION_ADVICE[code];
  const [hint, retryable] = known ?? [
    isTls
      ? 'Give the certificates of that engine: `tls`, or DOCKER_CERT_PATH.'
      : 'See whether the engine runs (docker version), then try again.',
    !isTls,
  ];
  return {
    kind: 'engine-unreachable',
    message: `The engine at ${where} does not answer: ${sentence(message)}`,
    hint,
    retryable,
    cause,
    ...(code ? { code } : {}),
    ...(known || isTls ? { outcome: 'refused' as const } : {}),
  };
}

export const unsupported = (message: string, hint: string): RuntimeError => fault('unsupported', message, hint);
