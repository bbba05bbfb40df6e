import type {
  DeploymentRecord,
  InstanceRecord,
  JournalRecord,
  LeaseRecord,
  RouteRecord,
  StageRecord,
  TaskRecord,
} from './core.js';

/** What was committed to one store, by the commits themselves. */
export interface Mirror {
  readonly leases: Map<string, LeaseRecord>;
  readonly routes: Map<string, RouteRecord>;
  readonly stages: Map<string, StageRecord>;
  readonly instances: Map<string, InstanceRecord>;
  readonly deployments: Map<string, DeploymentRecord>;
  readonly journals: Map<string, JournalRecord>;
  readonly tasks: Map<string, TaskRecord>;
  readonly terminalEvents: Map<string, number>;
  /** When a lease's row was last written, in true time. */
  readonly beats: Map<string, number>;
}

export const newMirror = (): Mirror => ({
  leases: new Map(),
  routes: new Map(),
  stages: new Map(),
  instances: new Map(),
  deployments: new Map(),
  journals: new Map(),
  tasks: new Map(),
  terminalEvents: new Map(),
  beats: new Map(),
});
