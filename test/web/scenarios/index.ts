import type { Scenario } from '../support/scenario.js';
import { deploying } from './deploying.js';
import { example } from './example.js';
import { hostile } from './hostile.js';
import { living } from './living.js';
import { login } from './login.js';
import { looking } from './looking.js';
import { engineScenarios } from './on-engine.js';

export const IN_MEMORY: readonly Scenario[] = [...login, ...deploying, ...living, ...looking, ...hostile];
export const SCENARIOS: readonly Scenario[] = [...IN_MEMORY, ...engineScenarios, example];
