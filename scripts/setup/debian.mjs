/**
 * Debian's packages. Only root on Debian or Ubuntu can be helped; everybody else is told what to install.
 *
 * What is installed is for us to start where it is needed: a package that starts a service of its own would take port 80
 * (nginx), 5000 (docker-registry) or 5432 (postgresql). A `policy-rc.d` forbids it for as long as apt runs, where the machine has none.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { run, which } from './process.mjs';
import { SetupError, say, since } from './say.mjs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Which package brings what, and how to see that it is there. */
export const packages = {
  'docker.io': () => which('dockerd') !== undefined,
  iptables: () => which('iptables') !== undefined,
  iproute2: () => which('ip') !== undefined,
  'cgroupfs-mount': () => which('cgroupfs-mount') !== undefined,
  'ca-certificates': () => existsSync('/etc/ssl/certs/ca-certificates.crt'),
  'docker-registry': () => which('docker-registry') !== undefined,
  openssl: () => which('openssl') !== undefined,
  python3: () => which('python3') !== undefined,
  'nginx-light': () => which('nginx') !== undefined,
  caddy: () => which('caddy') !== undefined,
  wrk: () => which('wrk') !== undefined,
  haproxy: () => which('haproxy') !== undefined,
  chromium: () => which('chromium') !== undefined,
  // Pictures of the page look the same everywhere with the fonts that it asks for first.
  'fonts-inter': () => existsSync('/usr/share/fonts/opentype/inter') || existsSync('/usr/share/fonts/truetype/inter'),
  'fonts-jetbrains-mono': () => existsSync('/usr/share/fonts/truetype/jetbrains-mono'),
  'docker-compose': () => which('docker-compose') !== undefined,
  'busybox-static': () => isStatic('/bin/busybox'),
  // Debian keeps its programs off the path, in a folder per version.
  postgresql: () => which('initdb') !== undefined || postgresVersions().length > 0,
};

/**
 * Installs those of the packages that are missing.
 *
 * @param {readonly (keyof typeof packages)[]} names
 * @param {string} purpose who needs them: `the integration tests need`
 */
export async function installPackages(names, purpose) {
  const missing = names.filter((name) => !packages[name]());
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  const advice = `Run \`${command}\` as root (or as your system calls them), then run this again.`;
  if (!isDebian() || !isRoot()) throw new SetupError(`${purpose} ${missing.join(', ')}.`, advice);

  say(`installs ${missing.join(', ')} (apt-get)`);
  const startMs = performance.now();
  const release = keepServicesStopped();
  try {
    let { code, output } = await install(missing);
    if (code !== 0) {
      // A fresh machine has no package lists yet, and an old one has stale ones.
      say('fetches the package lists (apt-get update)');
      await apt(['update']);
      ({ code, output } = await install(missing));
    }
    if (code !== 0) throw new SetupError(`apt-get could not install ${missing.join(', ')}:\n${tail(output)}`, advice);
  } finally {
    release();
  }
  const stillMissing = missing.filter((name) => !packages[name]());
  if (stillMissing.length > 0) {
    throw new SetupError(`${stillMissing.join(', ')} was installed and is still not to be found.`, advice);
  }
  say(`packages are installed (${since(startMs)})`);
}

export const isRoot = () => process.getuid?.() === 0;

export function isDebian() {
  if (process.platform !== 'linux' || which('apt-get') === undefined || !existsSync('/etc/os-release')) return false;
  return /^(?:ID|ID_LIKE)=.*\b(?:debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

const install = (names) => apt(['install', '--yes', '--no-install-recommends', ...names]);

const apt = (args) =>
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    quiet: true,
  });

function keepServicesStopped() {
  if (existsSync(POLICY)) return () => {};
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => rmSync(POLICY, { force: true });
}

function postgresVersions() {
  const folder = '/usr/lib/postgresql';
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((version) => existsSync(`${folder}/${version}/bin/initdb`));
}

/** A program without an interpreter in its headers runs in an empty image. */
function isStatic(path) {
  if (!existsSync(path)) return false;
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  return !/\/ld-(?:linux|musl)/.test(head.toString('latin1'));
}

const tail = (text) => text.trim().split('\n').slice(-15).join('\n');
