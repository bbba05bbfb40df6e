/** A route is data: how it is called, what it takes and answers, and what it does. The table of them is the API and its document. */
import type { Deployer } from '@quayside/core';
import type { AnyError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import type { z } from 'zod';
import type { Action, Place } from '../authorize.js';
import type { Failure } from '../problem.js';
import type { Follower } from '../streams/follower.js';
import type { Opened, Streams } from '../streams/streams.js';
import type { Catalogue } from './catalogue.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** What a call is handled with. */
export interface Context {
  readonly deployer: Deployer;
  readonly catalogue: Catalogue;
  readonly streams: Streams;
  readonly basePath: string;
  /** Of the OpenAPI document. */
  describe(): object;
}

export interface Call<Params, Query, Body> {
  readonly request: Request;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Aborted when the caller goes away or the answer takes too long; of a call that changes something, only the latter. */
  readonly signal: AbortSignal;
  readonly context: Context;
  /** For what a body or a record names: asks `authorize` once more, and answers who it is. */
  permit(place: Place): Promise<Result<string, Failure>>;
  /** Whether what belongs there may be shown. */
  shows(place: Place, action?: Action): Promise<boolean>;
}

export type Answer =
  | { readonly status: number; readonly body: unknown; readonly headers?: { readonly [name: string]: string } }
  | { readonly status: 204 }
  | { readonly stream: (opened: Opened) => Result<Follower, Failure> };

export interface Answers {
  readonly status: number;
  readonly description: string;
  /** Of the JSON body. */
  readonly schema: z.ZodType;
  /** Set where the route can answer server-sent events, too: what they are, in words. */
  readonly stream?: string;
}

export interface RouteOf<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> {
  readonly method: Method;
  /** Below the base path; `{name}` is one segment. */
  readonly path: string;
  /** Unique, for generated clients. */
  readonly name: string;
  readonly summary: string;
  readonly action: Action;
  readonly params: Params;
  readonly query: Query;
  /** Null: it takes none. */
  readonly body: Body | null;
  readonly answers: Answers;
  /** Error kinds that this route has of its own, for the document. */
  readonly errors: readonly AnyError['kind'][];
  /** Request headers that it reads, for the document. */
  readonly headers?: { readonly [name: string]: string };
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Result<Answer, Failure>>;
}

export type Route = RouteOf<z.ZodObject, z.ZodObject, z.ZodType>;

/** Keeps the types of a route's own call, and forgets them for the table. */
export const route = <Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  one: RouteOf<Params, Query, Body>,
): Route => one as unknown as Route;
