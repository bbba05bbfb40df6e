export * from './domain/errors.js';
export * from './ports/index.js';
