/** Every route, in the order of the document. */
import { deploymentRoutes } from './deployments.js';
import { documentRoutes } from './document.js';
import { eventRoutes } from './events.js';
import { instanceRoutes } from './instances.js';
import { projectRoutes } from './projects.js';
import type { Route } from './route.js';
import { routeRoutes } from './routes.js';

export const routes: readonly Route[] = [
  ...documentRoutes,
  ...projectRoutes,
  ...deploymentRoutes,
  ...instanceRoutes,
  ...routeRoutes,
  ...eventRoutes,
];
