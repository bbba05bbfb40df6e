/**
 * What is answered, as schemas: the document is made from them, and a test holds every answer of the handler to them. The core's types
 * have to fit them, which the compiler checks; they may have more, since what is added later breaks no client.
 */
import type {
  AuditEntry,
  CancelAnswer,
  Deployment,
  DeploymentPlan,
  Instance,
  LogEntry,
  RemoveAnswer,
  RouteView,
  Stage,
} from '@quayside/core';
import { type ContainerLogLine, DEPLOYMENT_STATUSES } from '@quayside/core/ports';
import { z } from 'zod';
import type { Problem } from '../problem.js';

const time = (what: string) => z.number().describe(`${what}: wall clock, milliseconds since the epoch`);
const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()]);

export const IssueSchema = z.object({
  path: z.string().describe('Where, e.g. `env.PORT`'),
  expected: z.string(),
  received: z.string().describe('Shortened, and never the value of a field that can hold a secret'),
});

export const ProblemSchema = z.object({
  type: z.string().describe('Stable, one per kind'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What happened'),
  kind: z.string().describe('What to switch on'),
  hint: z.string().describe('What to do now'),
  retryable: z.boolean().describe('Whether the same call can succeed later although nobody has changed anything'),
  path: z.string().optional().describe('The first wrong field'),
  issues: z.array(IssueSchema).optional(),
  code: z.string().optional(),
  step: z.string().optional(),
});

export const StoredErrorSchema = z.object({
  kind: z.string(),
  code: z.string().optional(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  step: z.string().optional(),
  details: z.unknown().optional(),
  causes: z.array(z.string()),
});

export const StepSchema = z.object({
  name: z.string(),
  status: z.enum(['running', 'done', 'failed', 'undone']),
  startedAt: time('When it began'),
  durationMs: orNull(z.number()).describe('Null while it runs'),
});

export const DeploymentSchema = z.object({
  id: z.string(),
  project: z.string(),
  stage: z.string(),
  tag: z.string(),
  kind: z.enum(['deploy', 'rollback']),
  status: z.enum(DEPLOYMENT_STATUSES),
  cleanup: z.enum(['none', 'pending', 'done']).describe('What a rollback or a retire still has to remove'),
  digest: orNull(z.string()).describe('`sha256:…`; null until it is resolved'),
  queuedAt: time('When it was asked for'),
  startedAt: orNull(time('When it began')),
  endedAt: orNull(time('When it ended')),
  durationMs: orNull(z.number()).describe('From its start to its end'),
  steps: z.array(StepSchema),
  instance: orNull(z.string()).describe('What it left running; of `unchanged`, what runs already'),
  previous: orNull(z.string()).describe('The instance that the default route pointed to before it'),
  error: orNull(StoredErrorSchema),
  by: orNull(z.string()).describe('Who asked'),
  left: z.array(z.string()).describe('While `cleanup` is pending: what is left, in words'),
  needsHost: orNull(z.string()).describe('Why no host that has looked at it could go on with it'),
  supersededBy: orNull(z.string()),
  hasLog: z.boolean().describe('Whether its log is still kept'),
});

export const ConditionSchema = z.object({
  state: z.enum(['unhealthy', 'crash-looping', 'down', 'lost']),
  since: time('Since when'),
  exitCode: orNull(z.number()),
  oomKilled: z.boolean(),
  restarts: z.number(),
});

export const InstanceSchema = z.object({
  id: z.string().describe('The id of the deployment that made it'),
  project: z.string(),
  stage: z.string(),
  tag: z.string(),
  digest: z.string(),
  container: z.string().describe("The container's name at the engine"),
  state: z.enum(['running', 'retiring']),
  isDefault: z.boolean().describe('Whether the default route points to it'),
  createdAt: time('When it was made'),
  defaultSince: time('When the default route last came to it'),
  defaultUntil: orNull(time('When the default route last left it')),
  domains: z.array(z.string()),
  expiresAt: orNull(time('When its time to live is over')),
  isPinned: z.boolean().describe('It is neither evicted nor expires'),
  isHeld: z.boolean().describe('The default route points to it, and its visitors are told to come again'),
  condition: orNull(ConditionSchema).describe('What is wrong with it; null: nothing that was seen'),
});

export const MaintenanceSchema = z.object({
  since: time('Since when'),
  message: z.string().describe('What visitors are told, beside 503'),
  retryAfterMs: z.number().describe('When they are told to come again; whole seconds'),
  by: orNull(z.string()).describe('Who asked for it as it is now'),
});

export const StageSchema = z.object({
  project: z.string(),
  stage: z.string(),
  current: orNull(z.string()).describe('The instance that the default route points to'),
  previous: orNull(z.string()).describe('The one before'),
  maintenance: orNull(MaintenanceSchema).describe('Null: visitors get to the current instance'),
});

export const RouteSchema = z.object({
  domain: z.string(),
  kind: z.enum(['default', 'tagged', 'custom']),
  project: z.string(),
  stage: z.string(),
  tag: orNull(z.string()),
  state: z.enum(['pending', 'live', 'leaving']),
  instance: orNull(z.string()),
});

export const PlanSchema = z.object({
  action: z.enum(['unchanged', 'cutover', 'replace', 'create']),
  project: z.string(),
  stage: z.string(),
  tag: z.string(),
  digest: z.string(),
  image: z.string(),
  pulls: z.boolean().describe('Whether the image has to be pulled first'),
  domains: z.array(z.object({ domain: z.string(), kind: z.enum(['default', 'tagged', 'custom']) })),
  current: orNull(z.string()).describe('The instance that the default route points to now'),
  evicts: z
    .array(z.object({ instance: z.string(), tag: z.string(), reason: z.enum(['replaced', 'evicted']) }))
    .describe('Instances that would go after the commit'),
  gap: z.boolean().describe('Whether the stage would answer nothing for a while'),
  shares: z.array(z.object({ weight: z.number(), holdMs: z.number() })),
});

export const EntrySchema = z.object({
  seq: z.int().describe('Grows within the deployment: `after` goes on behind it'),
  time: time('When'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  step: orNull(z.string()),
  message: z.string(),
  data: z.unknown(),
});

export const LineSchema = z.object({
  time: orNull(time('When, where the engine says')),
  stream: z.enum(['stdout', 'stderr']),
  text: z.string(),
});

export const EventSchema = z.object({
  seq: z.int().describe("Its place in the store's stream: `after` goes on behind it"),
  id: z.string().describe('Stable and unique'),
  type: z.string().describe('e.g. `deployment.succeeded`'),
  time: time('When'),
  payload: z.record(z.string(), z.unknown()),
});

export const AuditSchema = z.object({
  id: z.string(),
  act: z.string().describe('e.g. `deploy`, `roll-back`, `remove`'),
  time: time('When'),
  by: orNull(z.string()).describe('Who, as the host said'),
  project: orNull(z.string()).describe('Null where it was about all of them'),
  stage: orNull(z.string()),
  tag: orNull(z.string()),
  subject: orNull(z.string()).describe('The deployment or the instance that it was about'),
  detail: orNull(z.string()).describe('The rest, in words'),
});

export const ProjectSchema = z.object({
  name: z.string(),
  image: z.string(),
  stages: z.array(
    z.union([
      z.object({ name: z.string() }),
      z.object({ pattern: z.string().describe('e.g. `pr-*`: any stage that fits may be named') }),
    ]),
  ),
});

export const SubmittedSchema = z.object({ id: z.string().describe("The deployment's id") });
export const CancelledSchema = z.object({
  deployment: DeploymentSchema,
  state: z.enum(['cancelled', 'cancelling', 'ended']),
});
export const RemovedSchema = z.object({ instances: z.array(z.string()).describe('Instances that retire now') });
export const DocumentSchema = z.object({
  openapi: z.string(),
  info: z.unknown(),
  paths: z.record(z.string(), z.unknown()),
});

export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next: orNull(z.string()).describe('For `cursor`: goes on behind the last item; null: there is no more'),
  });

export const DeploymentPageSchema = page(DeploymentSchema);
export const InstancePageSchema = page(InstanceSchema);
export const StagePageSchema = page(StageSchema);
export const RoutePageSchema = page(RouteSchema);
export const LogPageSchema = page(EntrySchema);
export const OutputPageSchema = page(LineSchema);
export const EventPageSchema = page(EventSchema);
export const AuditPageSchema = page(AuditSchema);
export const ProjectPageSchema = page(ProjectSchema);
export const TagPageSchema = page(z.string());

/** By their names in the document. */
export const SCHEMAS = {
  Problem: ProblemSchema,
  Issue: IssueSchema,
  StoredError: StoredErrorSchema,
  Step: StepSchema,
  Deployment: DeploymentSchema,
  Condition: ConditionSchema,
  Instance: InstanceSchema,
  Maintenance: MaintenanceSchema,
  Stage: StageSchema,
  Route: RouteSchema,
  Plan: PlanSchema,
  LogEntry: EntrySchema,
  OutputLine: LineSchema,
  Event: EventSchema,
  AuditEntry: AuditSchema,
  Project: ProjectSchema,
  Submitted: SubmittedSchema,
  Cancelled: CancelledSchema,
  Removed: RemovedSchema,
  DeploymentPage: DeploymentPageSchema,
  InstancePage: InstancePageSchema,
  StagePage: StagePageSchema,
  RoutePage: RoutePageSchema,
  LogPage: LogPageSchema,
  OutputPage: OutputPageSchema,
  EventPage: EventPageSchema,
  AuditPage: AuditPageSchema,
  ProjectPage: ProjectPageSchema,
  TagPage: TagPageSchema,
  Document: DocumentSchema,
} as const satisfies { readonly [name: string]: z.ZodType };

/** Fails to compile where what the core answers does not fit what the document says. */
type Fits<Core extends Shape, Shape> = Core;
export type Held = [
  Fits<Deployment, DeepReadonly<z.output<typeof DeploymentSchema>>>,
  Fits<Instance, DeepReadonly<z.output<typeof InstanceSchema>>>,
  Fits<Stage, DeepReadonly<z.output<typeof StageSchema>>>,
  Fits<RouteView, DeepReadonly<z.output<typeof RouteSchema>>>,
  Fits<DeploymentPlan, DeepReadonly<z.output<typeof PlanSchema>>>,
  Fits<LogEntry, DeepReadonly<z.output<typeof EntrySchema>>>,
  Fits<ContainerLogLine, DeepReadonly<z.output<typeof LineSchema>>>,
  Fits<CancelAnswer, DeepReadonly<z.output<typeof CancelledSchema>>>,
  Fits<AuditEntry, DeepReadonly<z.output<typeof AuditSchema>>>,
  Fits<RemoveAnswer, DeepReadonly<z.output<typeof RemovedSchema>>>,
  Fits<Problem, DeepReadonly<z.output<typeof ProblemSchema>>>,
];
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
