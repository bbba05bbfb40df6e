import { request } from 'node:http';

/** What the proxy answers for a domain, on a connection of its own. */
export function ask(
  frontDoor: { readonly host: string; readonly port: number },
  domain: string,
  path = '/',
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...frontDoor, path, agent: false, headers: { host: domain, accept: 'text/plain' }, timeout: 10_000 },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.once('error', reject);
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${domain}: no answer within 10 s`)));
    outgoing.once('error', reject);
    outgoing.end();
  });
}
