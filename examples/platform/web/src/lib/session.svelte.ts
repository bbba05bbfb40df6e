/** Who is signed in. The token itself is never kept here: the host answers a cookie that no script can read. */
import { api, Problem, type Session, whenSignedOut } from './api.js';
import { world } from './world.svelte.js';

class SessionState {
  /** Undefined while it is not known yet. */
  now = $state<Session | null | undefined>(undefined);
  isAway = $state(false);

  constructor() {
    whenSignedOut(() => this.#leave());
  }

  async look(): Promise<void> {
    try {
      this.#enter(await api.session());
    } catch (thrown) {
      if (thrown instanceof Problem && thrown.status === 401) this.#leave();
      else this.isAway = true;
    }
  }

  async signIn(token: string, name: string): Promise<void> {
    this.#enter(await api.signIn(token, name));
  }

  async signOut(): Promise<void> {
    await api.signOut();
    this.#leave();
  }

  #enter(session: Session): void {
    this.now = session;
    this.isAway = false;
    world.open();
  }

  #leave(): void {
    world.close();
    this.now = null;
    this.isAway = false;
  }
}

export const session = new SessionState();
