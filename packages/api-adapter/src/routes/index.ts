/** Every route, in the order of the document. */
import { auditRoutes } from './audit.js';
import { deploymentRoutes } from './deployments.js';
import { documentRoutes } from './document.js';
import { eventRoutes } from './events.js';
import { instanceRoutes } from './instances.js';
import { projectRoutes } from './projects.js';
import type { Route } from './route.js';
import { routeRoutes } from './routes.js';
import { stageRoutes } from './stages.js';

export const routes: readonly Route[] = [
  ...documentRoutes,
  ...projectRoutes,
  ...deploymentRoutes,
  ...instanceRoutes,
  ...stageRoutes,
  ...routeRoutes,
  ...eventRoutes,
  ...auditRoutes,
];
