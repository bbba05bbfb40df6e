import type { JsonObject, Message } from '@quayside/core/ports';

/** The event as it is, in the body that Standard Webhooks recommends: `type`, `timestamp` (ISO 8601), `data`. */
export const plain = ({ id, type, time, sequence, data }: Message): JsonObject => ({
  id,
  type,
  timestamp: new Date(time).toISOString(),
  sequence,
  data,
});
