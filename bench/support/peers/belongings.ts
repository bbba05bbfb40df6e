/** What was opened on the way: closed in the opposite order, each of it even where another could not be, and also what comes too late. */
export class Belongings implements AsyncDisposable {
  readonly #open: AsyncDisposable[] = [];
  #isClosed = false;

  async own<T extends AsyncDisposable>(opening: T | Promise<T>): Promise<T> {
    const opened = await opening;
    if (this.#isClosed) {
      await opened[Symbol.asyncDispose]();
      throw new Error('It was opened after all had been closed.');
    }
    this.#open.push(opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const errors: unknown[] = [];
    for (let each = this.#open.pop(); each; each = this.#open.pop()) {
      try {
        await each[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `Not everything could be closed: ${errors.join('; ')}`);
  }
}
