import type { AnyError, Deployer, Page, PageQuery } from '@quayside/core';
import { err, ok, type ResultAsync } from 'neverthrow';
import type { Context } from '../context.js';
import { everyPage } from '../every-page.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import type { Style } from '../terminal/style.js';
import { type Column, table } from '../terminal/table.js';
import { checkNames } from './names.js';

interface Listed<T> {
  list(
    deployer: Deployer,
    query: PageQuery & { readonly project?: string; readonly stage?: string },
  ): ResultAsync<Page<T>, AnyError>;
  /** How many at most; default all. */
  readonly count?: number;
  columns(style: Style): readonly Column<T>[];
  /** What is said where there are none. */
  readonly none: string;
}

/** Prints what a list has of everything, of a project, or of a stage: a table, or objects. Names that nobody knows are an error. */
export const printList = <T extends object>(
  context: Context,
  { list, count = Number.POSITIVE_INFINITY, columns, none }: Listed<T>,
) => {
  const { given, screen } = context;
  const [project, stage] = given.positionals;
  return withDeployer(context, 'reads', async (session) => {
    const query = {
      ...(project === undefined ? {} : { project }),
      ...(stage === undefined ? {} : { stage }),
      signal: session.reading,
    };
    const all = await everyPage((page) => list(session.deployer, { ...query, ...page }), count);
    if (all.isErr()) return err(all.error);
    if (all.value.length === 0) {
      const known = await checkNames(session, project, stage);
      if (known.isErr()) return err(known.error);
    }
    const { style } = screen.look;
    if (screen.isJson) for (const item of all.value) screen.object(item);
    else if (all.value.length === 0) screen.note(none);
    else for (const line of table(all.value, columns(style), screen.columns, style.bold)) screen.print(line);
    return ok(EXIT.done);
  });
};
