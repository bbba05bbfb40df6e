/** The bare engine calls of a deployment, for what whole ones are held against. */
import { request } from 'node:http';
import type Docker from 'dockerode';

export async function pull(docker: Docker, reference: string): Promise<void> {
  const stream = await docker.pull(reference);
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve())),
  );
}

/** Of `GET /`, or nothing where nobody answers. */
export function statusOf(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request({ host, port, path: '/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', () => resolve(undefined));
    sent.end();
  });
}

export const engineVersion = async (docker: Docker): Promise<{ readonly 'docker engine': string }> => ({
  'docker engine': (await docker.version()).Version,
});
