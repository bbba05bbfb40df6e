export { type HttpProbeOptions, httpProbe } from './probe/http-probe.js';
