/** What people type and write by mistake: one thing wrong each time. */

export interface Json {
  [key: string]: unknown;
}

export interface CommandCase {
  readonly name: string;
  readonly args: readonly string[];
  /** Changes the good configuration, which is in JSON. */
  readonly config?: (config: Json) => void;
  /** In its place: a file with this text. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly env?: { readonly [name: string]: string };
  /** What the error has to name, and what it has to say was expected. */
  readonly names: string;
  readonly expects: RegExp;
}

const DEPLOY = ['deploy', 'shop', 'dev', 'v1'] as const;
const ON = ['maintenance', 'on', 'shop', 'dev'] as const;
const OFF = ['maintenance', 'off', 'shop', 'dev'] as const;
const object = (value: unknown): Json => value as Json;
const dev = (config: Json): Json => object(object(object(object(config['projects'])['shop'])['stages'])['dev']);
const stage =
  (fields: Json) =>
  (config: Json): void => {
    Object.assign(dev(config), fields);
  };

const line = (
  name: string,
  args: readonly string[],
  names: string,
  expects: RegExp,
  more: Pick<CommandCase, 'env'> = {},
): CommandCase => ({ name, args, names, expects, ...more });
const config = (name: string, change: (config: Json) => void, names: string, expects: RegExp): CommandCase => ({
  name: `config: ${name}`,
  args: DEPLOY,
  config: change,
  names,
  expects,
});
const file = (name: string, path: string, text: string, names: string, expects: RegExp): CommandCase => ({
  name: `file: ${name}`,
  args: DEPLOY,
  file: { name: path, text },
  names,
  expects,
});

export const COMMAND_CASES: readonly CommandCase[] = [
  // The command line
  line('an unknown command', ['deplyo'], 'command', /one of deploy, .*did you mean "deploy"/),
  line('no arguments', ['deploy'], 'project', /expected the name of a project, got nothing/),
  line('no stage', ['deploy', 'shop'], 'stage', /expected the name of a stage, got nothing/),
  line('no tag', ['deploy', 'shop', 'dev'], 'tag', /expected a tag, such as v1\.4\.2, got nothing/),
  line('an empty project', ['deploy', '', 'dev', 'v1'], 'project', /got an empty text/),
  line('too many arguments', [...DEPLOY, 'v2'], 'argument 4', /nothing behind <tag>, got "v2"/),
  line('an unknown flag', [...DEPLOY, '--forse'], '--forse', /did you mean "--force"/),
  line('an unknown short flag', [...DEPLOY, '-x'], '-x', /a known flag of `quayside deploy`/),
  line("another command's flag", [...DEPLOY, '--tail', '3'], '--tail', /a known flag of `quayside deploy`/),
  line('a flag without its value', ['history', '--limit'], '--limit', /a value <n>, got nothing/),
  line(
    'a flag in the place of a value',
    ['history', '--limit', '--verbose'],
    '--limit',
    /a value <n>, got the flag --verbose/,
  ),
  line('an empty value', [...DEPLOY, '--digest='], '--digest', /a value <sha256:…>, got nothing/),
  line('a switch with a value', [...DEPLOY, '--force=yes'], '--force', /no value, got "yes"/),
  line('a limit that is no number', ['history', '-n', 'ten'], '--limit', /an integer from 1 to 100000, got "ten"/),
  line('a limit of nothing', ['history', '--limit', '0'], '--limit', /an integer from 1 to 100000, got "0"/),
  line('a negative limit', ['history', '--limit', '-5'], '--limit', /an integer from 1 to 100000, got "-5"/),
  line('a tail that is no number', ['logs', 'shop', 'dev', '--tail', '1e3'], '--tail', /an integer from 0/),
  line('an unknown status', ['history', '--status', 'broken'], '--status', /one of queued, .*failed/),
  line('a port beyond the last', ['serve', '--port', '70000'], '--port', /an integer from 0 to 65535/),
  line('a front door that is no URL', ['serve', '--front-door', 'here'], '--front-door', /an http or https URL/),
  line('an env without a name', [...DEPLOY, '--env', '=x'], '--env', /NAME=value/),
  line('an env name with a space', [...DEPLOY, '--env', 'A B=x'], '--env', /letters, digits/),
  line('an env that is not set here', [...DEPLOY, '--env', 'NOT_SET_HERE'], '--env NOT_SET_HERE', /to be set in this/),
  line('an env where no key seals it', [...DEPLOY, '--env', 'A=b'], 'env', /no `secrets\.keys` to seal it/),
  line('a configuration that is not there', ['ps', '-c', 'missing.ts'], '--config', /a file, got .*does not exist/),
  line('a configuration of another kind', ['ps', '-c', 'quayside.yml'], '--config', /a file that ends in \.ts/),
  line('a configuration that is a folder', ['ps', '-c', 'folder.json'], '--config', /a file, got .*which is none/),
  line('an instance to remove that nobody confirms', ['remove', '01k6v1c9q0n2f7abcd'], '--yes', /nobody can be asked/),
  line('pruning that nobody confirms', ['prune'], '--yes', /to prune where nobody can be asked/),
  line('a cancel of no deployment', ['cancel', 'v1'], 'deployment', /a deployment's id of 18 characters/),
  line(
    'a cancel of the unknown',
    ['cancel', '01k6v1c9q0n2f7abcd'],
    'deployment 01k6v1c9q0n2f7abcd',
    /quayside history/,
  ),
  line('a cancel on an unknown stage', ['cancel', 'shop', 'dve'], 'stage "dve"', /did you mean "dev"/),
  line('a cancel by a long name', ['cancel', '01k6v1c9q0n2f7abcd', '--by', 'x'.repeat(201)], 'by', /at most 200/),
  line('a pin of nobody', ['pin', 'nobody'], 'instance', /an instance's id, the name of a container of ours/),
  line('a pin on an empty stage', ['pin', 'shop', 'dev'], 'shop/dev', /quayside ps/),
  line('a pin of an unknown project', ['unpin', 'shp', 'dev'], 'project "shp"', /did you mean "shop"/),
  line(
    'a maintenance that is neither on nor off',
    ['maintenance', 'shop', 'dev', 'on'],
    'on|off',
    /on or off, got "shop"/,
  ),
  line('a message that nobody will see', [...OFF, '--message', 'Hello.'], '--message', /with `on` alone/),
  line('a retry that nobody is told', [...OFF, '--retry-after', '5m'], '--retry-after', /with `on` alone/),
  line('a retry that is no time', [...ON, '--retry-after', 'noon'], '--retry-after', /90s, 5m or 2h, got "noon"/),
  line('a retry in a year', [...ON, '--retry-after', '365d'], 'retryAfterMs', /'1s' to '30d'/),
  line('a message of two lines', [...ON, '-m', 'one\ntwo'], 'message', /one line of 1 to 500 characters/),
  line('a maintenance of an unknown stage', ['maintenance', 'on', 'shop', 'dve'], 'stage "dve"', /did you mean "dev"/),
  line('an audit of an unknown project', ['audit', 'shp'], 'project "shp"', /did you mean "shop"/),
  line('an unknown act', ['audit', '--act', 'delete'], '--act', /one of deploy, roll-back, remove/),
  line('an unknown shell', ['completion', 'fihs'], 'shell', /did you mean "fish"/),
  line('no shell', ['completion'], 'shell', /one of bash, zsh, fish, got nothing/),
  line('something to do with a configuration', ['config', 'chekc'], 'action', /did you mean "check"/),
  line('an init where there is a configuration', ['init', '--image', 'x/shop'], 'init', /or --force to write/),
  line('an init with a tag', ['init', '--image', 'x/shop:v1', '--force'], '--image', /a repository without a tag/),
  line(
    'an init with no such proxy',
    ['init', '--image', 'x', '--proxy', 'embeded', '--force'],
    '--proxy',
    /"embedded"/,
  ),
  line('half a certificate', ['serve', '--tls-cert', 'a.pem'], '--tls-key', /a PEM file, as there is --tls-cert/),
  line(
    'a certificate that is not there',
    ['serve', '--port', '0', '--tls-port', '0', '--tls-cert', 'nothing.pem', '--tls-key', 'nothing.key'],
    'nothing.pem',
    /A certificate cannot be used/,
  ),
  line('workers of no number', ['serve', '--workers', 'some'], '--workers', /from 1 to 128, or auto/),
  line('a stage to remove that nobody confirms', ['remove', 'shop', 'dev'], '--yes', /nobody can be asked/),
  // The request
  line('an unknown project', ['deploy', 'shp', 'dev', 'v1'], 'project "shp"', /did you mean "shop"/),
  line('an unknown stage', ['deploy', 'shop', 'dve', 'v1'], 'stage "dve"', /did you mean "dev"/),
  line('a pattern in the place of a stage', ['deploy', 'shop', 'pr-*', 'v1'], 'stage', /not a pattern/),
  line('a tag with a space', ['deploy', 'shop', 'dev', 'v1 0'], 'tag', /1 to 128 letters, digits/),
  line('a tag that is a whole reference', ['deploy', 'shop', 'dev', 'shop:v1'], 'tag', /1 to 128 letters/),
  line('a tag that begins with a dot', ['deploy', 'shop', 'dev', '.v1'], 'tag', /1 to 128 letters/),
  line('a tag that is too long', ['deploy', 'shop', 'dev', 'v'.repeat(129)], 'tag', /1 to 128 letters/),
  line('a project with a control character', ['deploy', 'sh\u0007op', 'dev', 'v1'], 'project', /control characters/),
  line('half a digest', [...DEPLOY, '--digest', 'sha256:12'], 'digest', /64 hexadecimal digits/),
  line('a long name of who asks', [...DEPLOY, '--by', 'x'.repeat(201)], 'by', /at most 200 characters/),
  line('a plan of an unknown stage', ['plan', 'shop', 'dve', 'v1'], 'stage "dve"', /did you mean "dev"/),
  line('a roll back of an unknown project', ['rollback', 'shp', 'dev'], 'project "shp"', /did you mean "shop"/),
  line('a roll back of an unknown stage', ['rollback', 'shop', 'dve'], 'stage "dve"', /did you mean "dev"/),
  line('a roll back to nothing', ['rollback', 'shop', 'dev'], 'nothing to roll back to', /Name a deployment or a tag/i),
  line('a roll back to the unknown', ['rollback', 'shop', 'dev', '--to', 'v0'], 'id or tag v0', /quayside history/),
  line('instances of an unknown project', ['ps', 'shp'], 'project "shp"', /did you mean "shop"/),
  line('a history of an unknown stage', ['history', 'shop', 'dve'], 'stage "dve"', /did you mean "dev"/),
  line('an unknown deployment', ['logs', '01k6v1c9q0n2f7abcd'], 'deployment 01k6v1c9q0n2f7abcd', /quayside history/),
  line('an unknown container', ['logs', 'nobody'], 'deployment', /the name of a container of ours/),
  line('output of what does not run', ['logs', 'shop', 'dev'], 'shop/dev', /quayside ps/),
  line('a removal of no instance', ['remove', 'v1', '-y'], 'instance', /an instance's id of 18 characters/),
  line(
    'a removal of the unknown',
    ['remove', '01k6v1c9q0n2f7abcd', '-y'],
    'instance 01k6v1c9q0n2f7abcd',
    /quayside ps/,
  ),
  line('a removal of an empty stage', ['remove', 'shop', 'dev', '-y'], 'stage "dev"', /quayside ps/),
  // The configuration
  config(
    'no runtime by that name',
    (c) => (c['runtime'] = { adapter: 'dokcer' }),
    'runtime.adapter',
    /did you mean "docker"/,
  ),
  config('no adapter', (c) => (c['runtime'] = { network: 'apps' }), 'runtime.adapter', /"docker", got nothing/),
  config('a runtime that is a number', (c) => (c['runtime'] = 5), 'runtime', /an object with `adapter`/),
  config(
    'an engine without an address',
    (c) => (c['runtime'] = { adapter: 'docker', host: 'ftp://here' }),
    'runtime.host',
    /engine's address/,
  ),
  config(
    'an unknown option of the engine',
    (c) => (c['runtime'] = { adapter: 'docker', netwrk: 'a' }),
    'runtime.netwrk',
    /did you mean "network"/,
  ),
  config('no store', (c) => delete c['store'], 'store', /a Store, such as sqliteStore/),
  config('a store without a path', (c) => (c['store'] = { adapter: 'sqlite' }), 'store.path', /a string/),
  config(
    'a proxy that needs a login',
    (c) => (c['proxy'] = { adapter: 'npm', url: 'http://127.0.0.1:81', identity: 'a@b.test' }),
    'proxy.secret',
    /string/,
  ),
  config(
    'a notifier without an address',
    (c) => (c['notifiers'] = [{ adapter: 'webhook' }]),
    'notifiers[0].url',
    /a string/,
  ),
  config('notifiers that are no list', (c) => (c['notifiers'] = {}), 'notifiers', /an array/),
  config(
    'a variable that is not set',
    (c) => (c['secrets'] = { keys: ['$NOT_SET_HERE'] }),
    'secrets.keys[0]',
    /variable NOT_SET_HERE to be set/,
  ),
  config('a key that is too short', (c) => (c['secrets'] = { keys: ['c2hvcnQ='] }), 'secrets.keys[0]', /32/),
  config('an unknown field', (c) => (c['projcts'] = {}), 'projcts', /did you mean "projects"/),
  config(
    'a setting that is none',
    (c) => (object(c['settings'])['domian'] = 'a.test'),
    'settings.domian',
    /did you mean "domain"/,
  ),
  config('no domain where one is needed', (c) => (c['settings'] = {}), 'settings.domain', /domain/),
  config(
    'a project without an image',
    (c) => delete object(object(c['projects'])['shop'])['image'],
    'projects.shop.image',
    /a string/,
  ),
  config(
    'an image with a tag',
    (c) => (object(object(c['projects'])['shop'])['image'] = 'shop:v1'),
    'projects.shop.image',
    /without a tag|repository/,
  ),
  config('a port that is a text', stage({ port: '3000' }), 'projects.shop.stages.dev.port', /got "3000"/),
  config('a port beyond the last', stage({ port: 70_000 }), 'projects.shop.stages.dev.port', /65535/),
  config(
    'a path without its slash',
    stage({ healthcheckPath: 'healthz' }),
    'projects.shop.stages.dev.healthcheckPath',
    /begins with/,
  ),
  config('a duration without a unit', stage({ drain: '10' }), 'projects.shop.stages.dev.drain', /a duration such as/),
  config('too many instances', stage({ maxInstances: 99 }), 'projects.shop.stages.dev.maxInstances', /50/),
  config('a size that is none', stage({ memory: 'much' }), 'projects.shop.stages.dev.memory', /a size such as/),
  config('a domain that is none', stage({ domains: ['no domain'] }), 'projects.shop.stages.dev.domains', /domain/),
  // The file
  file(
    'JSON with a comma too many',
    'quayside.config.json',
    '{ "settings": {}, }',
    'quayside.config.json',
    /JSON that can be read/,
  ),
  file('JSON that is a list', 'quayside.config.json', '[]', 'quayside.config.json', /an object, got an array/),
  file('an empty module', 'quayside.config.ts', 'export {};', 'default export', /the options of a Deployer/),
  file(
    'a module that exports null',
    'quayside.config.mjs',
    'export default null;',
    'default export',
    /the options of a Deployer.*got null/,
  ),
  file(
    'a mistake of syntax',
    'quayside.config.ts',
    'export default {',
    'quayside.config.ts',
    /a file that can be loaded/,
  ),
  file(
    'an import of nothing',
    'quayside.config.ts',
    "import 'no-such-package';\nexport default {};",
    'quayside.config.ts',
    /no-such-package/,
  ),
  file(
    'a function that throws',
    'quayside.config.cjs',
    "module.exports = () => { throw new Error('no vault today'); };",
    'quayside.config.cjs',
    /no vault today/,
  ),
  file('a port that is no port', 'quayside.config.js', good('runtime: {}'), 'runtime', /a ContainerRuntime/),
  file(
    'an option of an adapter',
    'quayside.config.ts',
    good("runtime: dockerRuntime({ network: 'no name' })"),
    'dockerRuntime.network',
    /a network's name/,
  ),
  {
    ...line('a store in a folder that is not there', DEPLOY, 'quayside.db', /./),
    config: (c) => (c['store'] = { adapter: 'sqlite', path: 'no/such/quayside.db' }),
  },
];

function good(instead: string): string {
  return `import { dockerRuntime } from '@quayside/docker-adapter';
import { httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
export default {
  runtime: dockerRuntime(), probe: httpProbe(), proxy: embeddedProxy(), store: sqliteStore({ path: 'quayside.db' }),
  settings: { domain: 'apps.test' },
  projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } },
  ${instead},
};
`;
}
