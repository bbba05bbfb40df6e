/** One host over its lives: a service that is started again when it has died, or a command that comes and goes. */
import type { Deployer } from './core.js';
import type { Life } from './life.js';
import type { HostPlan } from './script.js';
import type { SimulatedWorld } from './world.js';

/** A store may take its time to bring its schema up to date, so opening has no bound: whoever started the process has one. */
const START_LIMIT_MS = 20_000;
const CLOSE_LIMIT_MS = 20_000;
/**
 * A port that is deaf to an abort is given up after a second: so long its timer may outlive a close. So is a call that was on its way out
 * when its process stood still.
 */
const DEAF_MS = 1_100;

export class Host {
  readonly plan: HostPlan;
  life: Life;
  deployer: Deployer | undefined;
  /** Resolves with the deployer of this life, or undefined where it never came to be. */
  ready: Promise<Deployer | undefined>;
  isClosed = false;
  readonly #world: SimulatedWorld;

  constructor(world: SimulatedWorld, plan: HostPlan) {
    this.#world = world;
    this.plan = plan;
    this.life = world.life(plan, 1);
    this.ready = this.#start();
  }

  again(): void {
    this.life = this.#world.life(this.plan, this.life.number + 1);
    this.isClosed = false;
    this.ready = this.#start();
  }

  async #start(): Promise<Deployer | undefined> {
    const { life } = this;
    const world = this.#world;
    this.deployer = undefined;
    world.trace.say(life.name, () => 'starts');
    world.clock.after(START_LIMIT_MS, () => {
      if (!this.deployer && this.life === life && !this.isClosed) life.die('it did not come up in time');
    });
    for (;;) {
      const made = await world.deployer(life);
      if (life !== this.life || life.isDead) return undefined;
      if (made.isOk()) {
        this.deployer = made.value as unknown as Deployer;
        if (this.plan.watches) void this.deployer.watch({ changedRoutes: this.plan.watches });
        return this.deployer;
      }
      if (this.plan.kind === 'command') {
        this.isClosed = true;
        return undefined;
      }
      // As a process manager does it.
      await new Promise<void>((resolve) => life.clock.after(1_000, resolve, true));
    }
  }

  async close(running: 'finish' | 'cancel'): Promise<void> {
    const { deployer, life } = this;
    const world = this.#world;
    if (!deployer || this.isClosed || life.isDead) return;
    this.isClosed = true;
    life.isClosing = true;
    world.trace.say(life.name, () => `closes (${running})`);
    await deployer.close({ running, timeoutMs: CLOSE_LIMIT_MS });
    // What is due at once is no timer that keeps a process.
    const isDeaf = world.script.odds.deaf !== undefined || world.items.some(({ kind }) => kind === 'stall');
    const graceMs = isDeaf ? DEAF_MS : 1;
    await new Promise<void>((resolve) => world.clock.after(graceMs, resolve, true));
    if (life.isDead) return;
    world.trace.say(life.name, () => 'is closed');
    if (life.timers > 0) world.report(`${life.name} has ${life.timers} timers after close()`);
  }
}
