/** Deliveries of a registry and of a build server: genuine, nearly so, and wrong in what they say. */
import { Webhook } from 'standardwebhooks';
import { IMAGE, type Site } from './site.js';

interface Delivery {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export function deliveries({ canaries: { path, sender } }: Site): readonly Delivery[] {
  const repository = IMAGE.slice(IMAGE.indexOf('/') + 1);
  const pushed = JSON.stringify({ repository, updated_tags: ['v3'] });
  const headers = { 'content-type': 'application/json' };
  const hub = (secret: string, body = pushed): Delivery => ({ path: `/hooks/hub/${secret}`, headers, body });
  const ci = (body: string, key = sender.value, id = 'msg_1'): Delivery => ({
    path: '/hooks/ci',
    body,
    headers: {
      ...headers,
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': new Webhook(key).sign(id, new Date(), body),
    },
  });
  const other = `whsec_${Buffer.alloc(32).toString('base64')}`;
  return [
    hub(path.value.slice(0, -1)),
    hub(path.value, '{"repository":'),
    hub(path.value, JSON.stringify({ repository: '../../etc', updated_tags: ['v3'] })),
    hub(path.value),
    ci(JSON.stringify({ image: `${IMAGE}:v3` }), other),
    ci(JSON.stringify({ image: `${IMAGE}:v3`, digest: 'x' })),
    ci(JSON.stringify({ image: `${IMAGE}:v3` }), sender.value, 'msg_2'),
  ];
}
