/** Sample apps, each a page that says which version it is: from scratch with a static busybox, so that the example needs no network. */
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { WORKBENCH_LABEL, type Workbench } from '../../../test/support/engine.js';
import { buildImage, pushImage } from '../../../test/support/images.js';

export interface Sample {
  readonly name: string;
  readonly tag: string;
  readonly colour: string;
  /** Seconds until it answers. */
  readonly slow?: number;
  /** It ends, since it was not told where its database is. */
  readonly isBroken?: boolean;
}

export const SAMPLES: readonly Sample[] = [
  { name: 'shop', tag: 'v1.0.0', colour: '#0e7c78' },
  { name: 'shop', tag: 'v1.1.0', colour: '#1c5fae' },
  { name: 'shop', tag: 'v1.2.0', colour: '#8a4fa3', slow: 6 },
  { name: 'shop', tag: 'v2.0.0-rc.1', colour: '#a9262b', isBroken: true },
  { name: 'blog', tag: '2025.1', colour: '#87550a' },
  { name: 'blog', tag: '2025.2', colour: '#1b6e3c' },
];

const APP = `#!/bin/sh
exec 2>&1
echo "$NAME $VERSION starts"
if [ -n "$BROKEN" ]; then
  echo "looking for the database"
  echo "DATABASE_URL is not set, and I will not guess"
  exit 78
fi
[ -z "$SLOW" ] || { echo "warming up for $SLOW s"; sleep "$SLOW"; }
echo "listening on 0.0.0.0:3000"
exec httpd -f -v -p 3000 -h /www
`;

const pageOf = ({ name, tag, colour }: Sample) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${name} ${tag}</title>
<body style="margin:0;min-height:100vh;display:grid;place-content:center;background:${colour};color:#fff;font:600 clamp(2rem,8vw,5rem)/1.1 system-ui;text-align:center">
${name}<small style="font-weight:400;opacity:.85">${tag}</small>
`;

/** Builds and pushes one, and takes it off the engine again: the deployment is to pull it. */
export async function publish(bench: Workbench, registry: string, sample: Sample): Promise<void> {
  const { name, tag, slow, isBroken } = sample;
  const reference = `${registry}/${name}:${tag}`;
  // The label comes first: everything that is made of it is found by it again.
  const dockerfile = `FROM scratch
LABEL ${WORKBENCH_LABEL}=${bench.prefix}
ENV PATH=/bin NAME=${name} VERSION=${tag} SLOW=${slow ?? ''} BROKEN=${isBroken ? 'yes' : ''}
COPY bin /bin
COPY app /app
COPY www /www
EXPOSE 3000
CMD ["/app"]
`;
  await buildImage(
    bench,
    reference,
    { Dockerfile: dockerfile, app: APP, 'www/index.html': pageOf(sample), 'bin/keep': '' },
    async (folder) => {
      const bin = join(folder, 'bin');
      await mkdir(bin, { recursive: true });
      await copyFile('/bin/busybox', join(bin, 'busybox'));
      for (const applet of ['sh', 'httpd', 'sleep', 'echo']) await symlink('busybox', join(bin, applet));
    },
  );
  await pushImage(bench, reference);
}
