/** `npm create quayside-adapter` as a library: the same, without questions. */
export { PORTS, type Port, type PortKey } from './ports.js';
export { ScaffoldError, type Scaffolded, type ScaffoldOptions, scaffold } from './scaffold.js';
