/** In place of a test runner: laws that a block names are held once it was read. */
import { siteNow } from '../site.js';

export const it = (name: string, holds: () => Promise<void>): void => void siteNow().laws.push({ name, holds });
