import { MAIN, walk } from './fault-walk.js';

walk(process.env['WALK'] === 'full', (scenario) => scenario === MAIN);
