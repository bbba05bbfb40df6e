/** The registry stalls, denies, breaks off or is away, while the engine pulls through a wire that a case makes worse. */
import type { FaultCase } from '../case.js';
import { LAYER_BYTES } from '../ground.js';

const MIDST = LAYER_BYTES / 2;

export const registryCases: readonly FaultCase[] = [
  {
    name: 'the registry stalls in the midst of a layer',
    isShort: true,
    pulls: true,
    pullStallMs: 2_000,
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire }) => wire.become({ kind: 'stalls', afterBytes: MIDST }),
      mend: ({ wire }) => wire.become({ kind: 'passes' }),
    },
    ends: { status: ['failed'], kinds: ['timeout'], step: 'pull' },
    look: async ({ wire }) => (wire.met === 0 ? [] : ['the wire still stalls']),
  },
  {
    name: 'the registry stalls, and the pull has a limit',
    pulls: true,
    stage: { pullTimeout: '3s' },
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire }) => wire.become({ kind: 'stalls', afterBytes: MIDST }),
      mend: ({ wire }) => wire.become({ kind: 'passes' }),
    },
    ends: { status: ['failed'], kinds: ['timeout'], step: 'pull' },
  },
  {
    name: 'the registry stalls for a moment and goes on',
    pulls: true,
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire }) => wire.become({ kind: 'stalls', afterBytes: MIDST }),
      mend: ({ wire }) => wire.become({ kind: 'passes' }),
      mendAfterMs: 1_500,
    },
    // The engine takes up a layer that was broken off.
    ends: {
      status: ['succeeded', 'failed'],
      kinds: ['timeout', 'registry-unreachable', 'image-unusable'],
      step: 'pull',
    },
  },
  {
    name: 'the registry breaks the connection off once',
    pulls: true,
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire }) => wire.become({ kind: 'cuts', afterBytes: MIDST }),
      mend: ({ wire }) => wire.become({ kind: 'passes' }),
      mendAfterMs: 800,
    },
    ends: {
      status: ['succeeded', 'failed'],
      kinds: ['registry-unreachable', 'image-unusable', 'timeout'],
      step: 'pull',
    },
  },
  {
    name: 'the registry breaks every connection off',
    pulls: true,
    stage: { pullTimeout: '12s' },
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire }) => wire.become({ kind: 'cuts', afterBytes: 0 }),
      mend: ({ wire }) => wire.become({ kind: 'passes' }),
    },
    ends: { status: ['failed'], kinds: ['registry-unreachable', 'timeout'], step: 'pull' },
  },
  {
    name: 'the registry wants a login from the pull on',
    pulls: true,
    fault: {
      at: { port: 'runtime', method: 'pull', when: 'before' },
      strike: ({ wire, ground }) => wire.lead(ground.closedRegistry.host),
      mend: ({ wire, ground }) => wire.lead(ground.registry.host),
    },
    ends: { status: ['failed'], kinds: ['registry-denied'], step: 'pull' },
  },
  ...[false, true].flatMap((asksRegistry): FaultCase[] => {
    const who = asksRegistry ? 'asked itself' : 'asked by the engine';
    return [
      {
        name: `the registry wants a login, ${who}`,
        pulls: true,
        asksRegistry,
        fault: {
          strike: ({ wire, ground }) => wire.lead(ground.closedRegistry.host),
          mend: ({ wire, ground }) => wire.lead(ground.registry.host),
        },
        ends: { status: ['failed'], kinds: ['registry-denied'] },
      },
      {
        name: `the registry takes no connection, ${who}`,
        isShort: asksRegistry,
        pulls: true,
        asksRegistry,
        fault: {
          strike: ({ wire }) => wire.become({ kind: 'refuses' }),
          mend: ({ wire }) => wire.become({ kind: 'passes' }),
        },
        ends: { status: ['failed'], kinds: ['registry-unreachable'] },
      },
      {
        name: `the registry takes connections and is silent, ${who}`,
        pulls: true,
        asksRegistry,
        fault: {
          strike: ({ wire }) => wire.become({ kind: 'stalls', afterBytes: 0 }),
          mend: ({ wire }) => wire.become({ kind: 'passes' }),
        },
        ends: { status: ['failed'], kinds: ['registry-unreachable', 'timeout'] },
      },
    ];
  }),
];
