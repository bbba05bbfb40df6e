import type { Spec } from '../../domain/spec.js';
import type { Host } from '../host.js';
import type { Step } from '../step.js';
import { claimStep } from './claim.js';
import { connectStep, createStep, startStep } from './create.js';
import { cutoverStep } from './cutover.js';
import { healthStep } from './health.js';
import { pullStep } from './pull.js';
import { routeStep } from './route.js';
import { stopPreviousStep } from './stop-previous.js';

/** Every step of our own that a journal may name. */
export const KNOWN_STEPS: readonly Step[] = [
  claimStep,
  pullStep,
  stopPreviousStep,
  createStep,
  startStep,
  connectStep,
  routeStep,
  healthStep,
  cutoverStep,
];

/** Every step that this host can undo: our own, and those of its plugins. */
export const knownSteps = ({ extensions }: Pick<Host, 'extensions'>): readonly Step[] =>
  extensions ? [...KNOWN_STEPS, ...extensions.steps] : KNOWN_STEPS;

/** The steps after the claim, up to the commit. */
export function stepsFor(spec: Spec, mode: 'create' | 'cutover'): readonly Step[] {
  if (mode === 'cutover') return [healthStep, ...(spec.routes.length > 0 ? [cutoverStep] : [])];
  return [
    pullStep,
    ...(spec.replace === 'stop-first' ? [stopPreviousStep] : []),
    createStep,
    startStep,
    ...(spec.container.networks.length > 1 ? [connectStep] : []),
    ...(spec.routes.length > 0 ? [routeStep] : []),
    healthStep,
    ...(spec.routes.length > 0 ? [cutoverStep] : []),
  ];
}
