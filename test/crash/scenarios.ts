/** What a host is doing while it is killed, and how the stage has to look afterwards: as before, or as it was committed. */
import type { StageOptions } from '../../packages/core/src/index.js';

export type Action =
  | { readonly do: 'deploy'; readonly tag: string; readonly force?: boolean }
  | { readonly do: 'rollBack' }
  | { readonly do: 'remove' }
  | { readonly do: 'recover' };

/** A stage as visitors and the engine see it. */
export interface World {
  /** The tag behind the default route; null: nothing answers. */
  readonly serves: string | null;
  /** Tags that answer under a domain of their own; there is one container of each. */
  readonly tags: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly stage?: StageOptions;
  /** Done, to their ends, before the host begins that is killed. */
  readonly prior: readonly Action[];
  /** A first host does this, and dies at the last instant of it that matches: only then comes the one that is looked at. */
  readonly deadBefore?: { readonly action: Action; readonly at: RegExp };
  readonly action: Action;
  readonly before: World;
  readonly after: World;
  /** An image that the engine has not, and a network that nobody has made: of each case its own. */
  readonly fresh?: 'image' | 'network';
  /** Which of its instants are points; default all. What another scenario has in the same way need not be killed twice. */
  readonly points?: {
    /** From the first that matches on. */
    readonly from?: RegExp;
    /** Before the first that matches. */
    readonly until?: RegExp;
    /** Those that match. */
    readonly matching?: RegExp;
  };
}

/** Stands for a tag of the case's own. */
export const FRESH = 'fresh';
export const BROKEN = 'broken';

const nothing: World = { serves: null, tags: [] };
const only = (tag: string): World => ({ serves: tag, tags: [tag] });
const deploy = (tag: string): Action => ({ do: 'deploy', tag });

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first',
    fresh: 'image',
    prior: [],
    action: deploy(FRESH),
    before: nothing,
    after: only(FRESH),
  },
  {
    name: 'evict',
    stage: { maxInstances: 1 },
    prior: [deploy('v1')],
    action: deploy('v2'),
    before: only('v1'),
    after: only('v2'),
  },
  {
    name: 'beside',
    stage: { domains: ['{stage}.example.test'] },
    prior: [deploy('v1')],
    action: deploy('v2'),
    before: only('v1'),
    after: { serves: 'v2', tags: ['v1', 'v2'] },
    points: { matching: /cutover|put|succeeded/ },
  },
  {
    name: 'same-tag',
    prior: [deploy('v1')],
    action: { do: 'deploy', tag: 'v1', force: true },
    before: only('v1'),
    after: only('v1'),
    points: { matching: /claim|cutover|put|succeeded/ },
  },
  {
    name: 'stop-first',
    stage: { replace: 'stop-first', maxInstances: 1 },
    prior: [deploy('v1')],
    action: deploy('v2'),
    before: only('v1'),
    after: only('v2'),
  },
  {
    name: 'roll-back',
    prior: [deploy('v1'), deploy('v2')],
    action: { do: 'rollBack' },
    before: { serves: 'v2', tags: ['v1', 'v2'] },
    after: { serves: 'v1', tags: ['v1', 'v2'] },
  },
  {
    name: 'failing',
    prior: [deploy('v1')],
    action: deploy(BROKEN),
    before: only('v1'),
    after: only('v1'),
    points: { from: /rolling-back/ },
  },
  {
    name: 'remove',
    prior: [deploy('v1'), deploy('v2')],
    action: { do: 'remove' },
    before: { serves: 'v2', tags: ['v1', 'v2'] },
    after: nothing,
  },
  {
    name: 'network-made',
    fresh: 'network',
    prior: [],
    action: deploy('v1'),
    before: nothing,
    after: only('v1'),
    points: { matching: /Network|create/ },
  },
  {
    name: 'network-gone',
    fresh: 'network',
    prior: [deploy('v1')],
    action: { do: 'remove' },
    before: only('v1'),
    after: nothing,
    points: { matching: /Network/ },
  },
  // Whoever recovers can be killed as well, and so can whoever settles the stage on the way to a deployment of its own.
  {
    name: 'recover-cutover',
    stage: { maxInstances: 1 },
    prior: [deploy('v1')],
    deadBefore: { action: deploy('v2'), at: /^sent put/ },
    action: { do: 'recover' },
    before: only('v1'),
    after: only('v2'),
  },
  {
    name: 'recover-stop-first',
    stage: { replace: 'stop-first', maxInstances: 1 },
    prior: [deploy('v1')],
    deadBefore: { action: deploy('v2'), at: /^after start/ },
    action: { do: 'recover' },
    before: only('v1'),
    after: only('v2'),
  },
  {
    name: 'recover-retire',
    stage: { maxInstances: 1 },
    prior: [deploy('v1')],
    deadBefore: { action: deploy('v2'), at: /^sent stop/ },
    action: { do: 'recover' },
    before: only('v1'),
    after: only('v2'),
  },
  {
    name: 'settle',
    stage: { maxInstances: 1 },
    prior: [deploy('v1')],
    deadBefore: { action: deploy('v2'), at: /^sent put/ },
    action: deploy('v3'),
    before: only('v1'),
    after: only('v3'),
    points: { until: /begin create/ },
  },
];
