/** Three images of one small app, each `FROM scratch` with a static busybox: built here, so that the demo needs no network. */
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKBENCH_LABEL, type Workbench } from '../../test/support/engine.js';

/** Answers every request with its version. From v3 on it has a database, and will not start without being told where that is. */
const APP = `#!/bin/sh
exec 2>&1
echo "shop $VERSION starts"
if [ "$VERSION" = v3 ] && [ -z "$DATABASE_URL" ]; then
  echo "shop v3: looking for the database"
  echo "shop v3: DATABASE_URL is not set, and I will not guess"
  exit 78
fi
exec httpd -f -p 3000 -h /www
`;

const APPLETS = ['sh', 'httpd'];

/** Builds `repository:version`, pushes it, and takes it off the engine again: the deployment is to pull it. */
export async function publishApp(bench: Workbench, repository: string, version: string, mark: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'quayside-demo-image-'));
  try {
    const bin = join(context, 'bin');
    await mkdir(bin);
    await mkdir(join(context, 'www'));
    await copyFile('/bin/busybox', join(bin, 'busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(bin, applet));
    await writeFile(join(context, 'app'), APP, { mode: 0o755 });
    await writeFile(join(context, 'www/index.html'), `Hello from ${version}\n`);
    // The label comes first: everything that is made of it can be found by it, layers in between included.
    const dockerfile = [
      'FROM scratch',
      `LABEL ${WORKBENCH_LABEL}=${bench.prefix}`,
      `ENV PATH=/bin VERSION=${version} ${mark}`,
      'COPY bin /bin',
      'COPY app /app',
      'COPY www /www',
      'EXPOSE 3000',
      'CMD ["/app"]',
    ];
    await writeFile(join(context, 'Dockerfile'), `${dockerfile.join('\n')}\n`);
    const src = ['Dockerfile', 'bin', 'app', 'www'];
    await follow(
      bench,
      await bench.docker.buildImage({ context, src }, { t: `${repository}:${version}`, forcerm: true }),
    );
    const image = bench.docker.getImage(`${repository}:${version}`);
    // Our registry asks for no login; the engine wants to be told something all the same.
    const authconfig = { username: '', password: '', serveraddress: '' };
    await follow(bench, await image.push({ authconfig }));
    await image.remove();
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Reads a build's or a push's stream to its end: what fails half-way stands in it. */
function follow(bench: Workbench, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    bench.docker.modem.followProgress(stream, (error, events: readonly { readonly error?: string }[]) => {
      const failure = error?.message ?? events?.find((event) => event.error)?.error;
      if (failure) reject(new Error(failure));
      else resolve();
    });
  });
}
