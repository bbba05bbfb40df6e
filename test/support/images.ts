/**
 * Images of a small app, built from nothing but a static busybox, so that no test needs the network. All of a workbench's images
 * share one base layer of 2 MB; each adds a page and its settings.
 *
 * The app answers `GET /` with its version, any other path with 404, and under `/cgi-bin/`: `env` (its environment),
 * `status?503` (that status), `slow?500` (after so many milliseconds), `work` (its version, as well as it does). Its settings are variables, so that a deployment's own
 * environment can override them.
 *
 * While it runs a signal changes it: HUP ends it (exit code 3), USR1 has it take memory until somebody ends it, USR2 has it listen no
 * more, and fail its HEALTHCHECK where that is `until-sick`.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKBENCH_LABEL, type Workbench } from './engine.js';

/** How the app behaves. Everything but `version`, `healthcheck`, `command` and `user` can be overridden by the variable named. */
export interface AppImage {
  /** The body of `/`. */
  readonly version: string;
  /** `APP_PORT`; default 3000. */
  readonly port?: number;
  /** `APP_LISTENS_AFTER_MS`; default 0. Null: it never listens (`APP_LISTENS=no`). */
  readonly listensAfterMs?: number | null;
  /** `APP_EXITS_AFTER_MS`: when its process ends; default never. */
  readonly exitsAfterMs?: number;
  /** `APP_EXIT_CODE`; default 1. */
  readonly exitCode?: number;
  /** `APP_LAST_LINES`, parted by `|`: what it writes to stderr before it ends; default nothing. */
  readonly lastLines?: readonly string[];
  /** `APP_IGNORES_TERM`: only SIGKILL ends it; default no. */
  readonly ignoresTerm?: boolean;
  /** `APP_ADDRESS`: what it listens on; default every address. */
  readonly address?: string;
  /** A HEALTHCHECK that comes to this within a second; default none. */
  readonly healthcheck?: 'healthy' | 'unhealthy' | 'until-sick';
  /** `APP_WORK_STATUS` and `APP_WORK_MS`: how `/cgi-bin/work` answers, and after how long; default 200, at once. */
  readonly work?: { readonly status?: number; readonly ms?: number };
  /** In the place of the app. */
  readonly command?: readonly string[];
  readonly user?: string;
  /** More bytes, random, in a layer of their own, for pulls that take a while; default 0. */
  readonly paddingBytes?: number;
}

const APP = `#!/bin/sh
# The log's first line tells which one speaks.
echo "app $APP_VERSION starts"
if [ -n "$APP_IGNORES_TERM" ]; then trap '' TERM; else trap 'echo "app $APP_VERSION stops"; exit 0' TERM INT; fi
listen() {
  usleep $((\${APP_LISTENS_AFTER_MS:-0} * 1000))
  exec httpd -f -p "\${APP_ADDRESS:+$APP_ADDRESS:}\${APP_PORT:-3000}" -h /www
}
[ "$APP_LISTENS" = no ] || listen &
listener=$!
trap 'exit 3' HUP
trap 'x=xxxxxxxxxxxxxxxx; while :; do x="$x$x"; done' USR1
trap 'kill $listener; : >/tmp/sick' USR2
if [ -n "$APP_EXITS_AFTER_MS" ]; then
  usleep $((APP_EXITS_AFTER_MS * 1000)) &
  wait $!
  [ -z "$APP_LAST_LINES" ] || echo "$APP_LAST_LINES" | tr '|' '\\n' >&2
  exit "\${APP_EXIT_CODE:-1}"
fi
# A child that never ends: with nothing to wait for, an app that does not listen would end.
sleep 2147483647 &
while :; do wait; done
`;

const CGI = {
  env: '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\nenv\n',
  status: '#!/bin/sh\nprintf "Status: $QUERY_STRING as asked\\r\\nContent-Type: text/plain\\r\\n\\r\\n$QUERY_STRING"\n',
  work: `#!/bin/sh
usleep $((\${APP_WORK_MS:-0} * 1000))
printf "Status: \${APP_WORK_STATUS:-200} so\\r\\nContent-Type: text/plain\\r\\n\\r\\n$APP_VERSION"
`,
  slow: '#!/bin/sh\nusleep $((QUERY_STRING * 1000))\nprintf "Content-Type: text/plain\\r\\n\\r\\nslow"\n',
};

const APPLETS = [
  'sh',
  'httpd',
  'usleep',
  'sleep',
  'env',
  'echo',
  'cat',
  'true',
  'false',
  'wget',
  'nc',
  'id',
  'tr',
  'ls',
  'ps',
  'date',
];

/** Builds an image that stays on the engine alone, as `docker build` leaves it: it has no digest of a registry. */
export async function buildApp(bench: Workbench, reference: string, app: AppImage): Promise<string> {
  const { docker, prefix } = bench;
  const base = `${prefix}/base:latest`;
  if ((await docker.listImages({ filters: { reference: [base] } })).length === 0) await buildBase(bench, base);
  const dockerfile = [`FROM ${base}`, 'COPY www /www', ...settings(app)];
  const files: Record<string, string | Buffer> = { 'www/index.html': `${app.version}\n` };
  if (app.paddingBytes) {
    files['padding'] = randomBytes(app.paddingBytes);
    dockerfile.push('COPY padding /padding');
  }
  await buildImage(bench, reference, { Dockerfile: `${dockerfile.join('\n')}\n`, ...files });
  return (await docker.getImage(reference).inspect()).Id;
}

interface PushOptions {
  readonly login?: { readonly username: string; readonly password: string };
  readonly keep?: boolean;
}

/**
 * Builds and pushes one, then takes it off the engine again (unless `keep`), so that the next pull is one.
 *
 * @param reference `127.0.0.1:5000/shop:v1`, of a registry that the engine may speak plain HTTP to (loopback always)
 * @returns its digest at the registry, `sha256:…`
 */
export async function pushApp(
  bench: Workbench,
  reference: string,
  app: AppImage,
  options: PushOptions = {},
): Promise<string> {
  await buildApp(bench, reference, app);
  return pushImage(bench, reference, options);
}

/** Pushes what was built, and takes it off the engine again (unless `keep`). @returns its digest at the registry */
export async function pushImage(bench: Workbench, reference: string, options: PushOptions = {}): Promise<string> {
  const image = bench.docker.getImage(reference);
  const { username = '', password = '' } = options.login ?? {};
  // The engine refuses a push without any credentials at all, even where the registry asks for none.
  const events = await follow(bench, await image.push({ authconfig: { username, password, serveraddress: '' } }));
  if (!options.keep) await image.remove();
  const digest = events.map((event) => event.aux?.Digest).find((found) => found !== undefined);
  if (!digest) throw new Error(`The push of ${reference} told no digest.`);
  return digest;
}

function settings(app: AppImage): string[] {
  const { port = 3000, listensAfterMs = 0, exitsAfterMs, exitCode, lastLines, ignoresTerm, address } = app;
  const variables: Record<string, string | number | undefined> = {
    APP_VERSION: app.version,
    APP_PORT: port,
    APP_LISTENS: listensAfterMs === null ? 'no' : undefined,
    APP_LISTENS_AFTER_MS: listensAfterMs ?? undefined,
    APP_EXITS_AFTER_MS: exitsAfterMs,
    APP_EXIT_CODE: exitCode,
    // A value in a Dockerfile has no line breaks: the app makes them.
    APP_LAST_LINES: lastLines?.join('|'),
    APP_IGNORES_TERM: ignoresTerm ? 'yes' : undefined,
    APP_ADDRESS: address,
    APP_WORK_STATUS: app.work?.status,
    APP_WORK_MS: app.work?.ms,
  };
  const env = Object.entries(variables)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
  const health = {
    healthy: '/bin/true',
    unhealthy: '/bin/sh", "-c", "echo not well; exit 1',
    'until-sick': '/bin/sh", "-c", "test ! -e /tmp/sick',
  };
  return [
    `ENV ${env.join(' ')}`,
    `EXPOSE ${port}`,
    ...(app.healthcheck
      ? [`HEALTHCHECK --interval=200ms --timeout=2s --retries=1 CMD ["${health[app.healthcheck]}"]`]
      : []),
    ...(app.user ? [`USER ${app.user}`] : []),
    ...(app.command ? [`CMD ${JSON.stringify(app.command)}`] : []),
  ];
}

async function buildBase(bench: Workbench, reference: string): Promise<void> {
  // The label comes first: an image's id then differs between workbenches, and one's clean-up takes nothing from another.
  // Its command comes last, and is every app's that has none of its own: each line of a build takes the engine a container.
  const dockerfile = `FROM scratch\nLABEL ${WORKBENCH_LABEL}=${bench.prefix}\nENV PATH=/bin\nCOPY root /\nCMD ["/app"]\n`;
  const files: Record<string, string> = { Dockerfile: dockerfile, 'root/app': APP };
  for (const [name, script] of Object.entries(CGI)) files[`root/www/cgi-bin/${name}`] = script;
  await buildImage(bench, reference, files, async (directory) => {
    const bin = join(directory, 'root/bin');
    await mkdir(bin, { recursive: true });
    await copyFile('/bin/busybox', join(bin, 'busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(bin, applet));
    await mkdir(join(directory, 'root/tmp'));
  });
}

/** @param more puts further files into the context, below the folders of those that are given */
export async function buildImage(
  bench: Workbench,
  reference: string,
  files: Readonly<Record<string, string | Buffer>>,
  more: (directory: string) => Promise<void> = async () => {},
): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'quayside-image-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(context, path, '..'), { recursive: true });
      await writeFile(join(context, path), content, { mode: 0o755 });
    }
    await more(context);
    const src = [...new Set(Object.keys(files).map((path) => path.split('/')[0] as string))];
    await follow(bench, await bench.docker.buildImage({ context, src }, { t: reference, forcerm: true }));
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

interface StreamEvent {
  readonly error?: string;
  readonly aux?: { readonly Digest?: string };
}

/** Reads a build's or a push's stream to its end; what failed half-way stands in it. */
function follow(bench: Workbench, stream: NodeJS.ReadableStream): Promise<readonly StreamEvent[]> {
  return new Promise((resolve, reject) => {
    bench.docker.modem.followProgress(stream, (error, events: StreamEvent[]) => {
      const failure = error?.message ?? events?.find((event) => event.error)?.error;
      if (failure) reject(new Error(failure));
      else resolve(events);
    });
  });
}
