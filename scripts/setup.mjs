// The one file that the machine's own Node (18 or later) runs: it brings in what is missing, then hands
// over to Node 26 from the npm package `node`. It uses nothing but Node itself and stays silent when
// all is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const nodeBinary = join(root, 'node_modules/node/bin/node');
const lockStamp = join(root, 'node_modules/.protect-lock');

/**
 * What each command runs on Node 26. Those that `needsRoot` change the host and need uid 0; `morePackages` names a
 * table of Debian packages that only they want.
 */
const commands = {
  start: { script: 'scripts/start.ts', needsRoot: true },
  stop: { script: 'scripts/stop.ts', needsRoot: true },
  test: { script: 'scripts/test.ts', needsRoot: true },
  chaos: { script: 'test/chaos/main.ts', needsRoot: true },
  bench: { script: 'bench/run.ts', needsRoot: true },
  'bench:xen': { script: 'bench/xen/run.ts', needsRoot: true, morePackages: 'xen' },
  xen: { script: 'scripts/xen/run.ts', needsRoot: true, morePackages: 'xen' },
  'test:xen': { script: 'scripts/xen/test.ts', needsRoot: true, morePackages: 'xen' },
  build: { script: 'scripts/build.ts', needsRoot: true },
  check: { script: 'scripts/check.ts', needsRoot: false },
  gen: { script: 'scripts/gen.ts', needsRoot: false },
};

/** Debian packages and what each is for. The names are Debian 12's; `renamed` has the other systems'. */
const packages = {
  'nats-server': 'the bus between the five services',
  'qemu-system-x86': 'the hypervisor of the zones',
  seabios: 'firmware that QEMU starts a zone with',
  'squashfs-tools': 'packs images into root filesystems',
  bubblewrap: 'locks in the tools that read foreign images',
  nftables: 'packet filter of the zones’ links',
  iproute2: 'links and network namespaces',
  e2fsprogs: 'makes scratch disks, and small ones in tests',
  'util-linux': 'mounts and namespaces',
  crun: 'runs the containers inside a zone',
  kmod: 'picks the kernel modules that a zone needs at boot',
  cpio: 'packs the zone’s initial ramdisk',
  zstd: 'unpacks layers and kernels',
  lz4: 'compresses the initial ramdisk',
  'xz-utils': 'unpacks kernel modules',
  gcc: 'builds the zone’s init',
  'libc6-dev': 'builds the zone’s init',
  make: 'builds the zone’s init',
  nanopb: 'generates the protobuf code of the zone’s init',
  'libnanopb-dev': 'protobuf in the zone’s init',
  'libxen-dev': 'the zone’s channel to the host on Xen, in its init',
  'busybox-static': 'the demonstration image',
  clang: 'sanitizers for the tests of the zone’s init',
  'libclang-rt-14-dev': 'sanitizers for the tests of the zone’s init',
  'docker-registry': 'the registry that tests pull from',
  skopeo: 'fills that registry',
  umoci: 'images made by a foreign tool, for tests',
  socat: 'foreign peers in tests',
  openssl: 'certificates for tests',
  zsh: 'reads the completion script made for it, in tests',
  fish: 'reads the completion script made for it, in tests',
  tmux: 'a real terminal, in tests of the protect command',
  curl: 'a foreign client of the control API, in tests',
  prometheus: 'its promtool reads the metrics, in tests',
};

const furtherPackages = {
  xen: {
    mmdebstrap: 'makes the Debian that runs on Xen',
    'debian-archive-keyring': 'the keys of its packages',
    'openssh-client': 'runs commands in it',
  },
};

const systems = [
  { id: 'debian', version: '12', renamed: {} },
  { id: 'ubuntu', version: '24.04', renamed: { 'libclang-rt-14-dev': 'libclang-rt-18-dev' } },
];

// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's
const dpkgFormat = '${Package} ${db:Status-Status}\n';

/** Packages that start a service of their own when installed; Protect runs their programs itself. */
const serviceUnits = ['nats-server', 'docker-registry', 'prometheus'];

class SetupError extends Error {}

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (!command)
    throw new SetupError(`usage: node scripts/setup.mjs ${Object.keys(commands).join('|')} [arguments]`);
  if (Number(process.versions.node.split('.')[0]) < 18) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to set up Protect: install Node 18 or later`,
    );
  }
  if (command.needsRoot && process.getuid?.() !== 0) {
    throw new SetupError(
      `npm ${name} makes network namespaces and virtual machines: run it as root (sudo npm ${name})`,
    );
  }
  if (name !== 'stop') await bringIn({ ...packages, ...furtherPackages[command.morePackages] });
  process.exitCode = await runOnNode26(command.script, args);
}

async function bringIn(debianPackages) {
  if (process.env.PROTECT_SETUP !== 'skip')
    await bringInDebianPackages(debianPackages, identifySystem(debianPackages));
  await bringInNpmPackages();
}

function identifySystem(debianPackages) {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const field = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(release)?.[1] ?? 'unknown';
  const system = systems.find(({ id, version }) => field('ID') === id && field('VERSION_ID') === version);
  if (process.platform !== 'linux' || process.arch !== 'x64' || !system) {
    throw new SetupError(
      `this is ${field('ID')} ${field('VERSION_ID')} on ${process.arch}; Protect is set up on Debian 12 (x86-64), and untested on Ubuntu 24.04.\n` +
        `To go on regardless, bring in the programs of these Debian packages yourself and set PROTECT_SETUP=skip:\n  ${Object.keys(debianPackages).join(' ')}`,
    );
  }
  return system;
}

async function bringInDebianPackages(debianPackages, system) {
  const wanted = Object.entries(debianPackages).map(([name, reason]) => ({
    name: system.renamed[name] ?? name,
    reason,
  }));
  const query = spawnSync('dpkg-query', ['-W', '-f', dpkgFormat, ...wanted.map(({ name }) => name)], {
    encoding: 'utf8',
  });
  if (query.error)
    throw new SetupError(`cannot ask dpkg which packages are installed: ${query.error.message}`);
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  const missing = wanted.filter(({ name }) => !installed.has(name));
  if (missing.length === 0) return;

  if (process.getuid?.() !== 0) {
    throw new SetupError(
      `these Debian packages are missing: ${missing.map(({ name }) => name).join(' ')}\nRun this once as root, or install them by hand.`,
    );
  }
  console.log(
    'Bringing in Debian packages (no service is started, no kernel or hypervisor of the host is touched):',
  );
  for (const { name, reason } of missing) console.log(`  ${name.padEnd(20)} ${reason}`);
  const names = missing.map(({ name }) => name);
  const withoutServices = denyServiceStart();
  try {
    if (!packageListsAreFresh()) await apt('reading the package lists', ['update']);
    const install = ['install', '--yes', '--no-install-recommends', ...names];
    try {
      await apt(`installing ${names.length} Debian packages`, install);
    } catch {
      // The usual reason: the lists are older than the mirror.
      await apt('reading the package lists anew', ['update']);
      await apt(`installing ${names.length} Debian packages, second attempt`, install);
    }
  } finally {
    withoutServices();
  }
  disableServices(serviceUnits.filter((unit) => names.includes(unit)));
}

function apt(title, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' };
  return step(
    title,
    'apt-get',
    ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300', '--quiet', ...args],
    env,
  );
}

function packageListsAreFresh() {
  const lists = '/var/lib/apt/lists';
  const weekMs = 7 * 24 * 60 * 60 * 1000;
  if (!existsSync(lists)) return false;
  return readdirSync(lists).some(
    (name) => name.includes('_Packages') && Date.now() - statSync(join(lists, name)).ctimeMs < weekMs,
  );
}

/**
 * Keeps the maintainer scripts from starting the packages' own services. The policy file is the hook that
 * Debian has for this; ours denies those names only, so that it does no harm should this process be
 * killed. One that is there already stays as it is. Returns what takes it away again.
 */
function denyServiceStart() {
  const path = '/usr/sbin/policy-rc.d';
  const names = serviceUnits.flatMap((unit) => [unit, `${unit}.service`]).join('|');
  try {
    writeFileSync(
      path,
      `#!/bin/sh\n# Made by Protect's set-up; may be removed.\ncase "$1" in ${names}) exit 101 ;; esac\nexit 0\n`,
      {
        mode: 0o755,
        flag: 'wx',
      },
    );
  } catch (error) {
    if (error.code === 'EEXIST') return () => {};
    throw error;
  }
  return () => rmSync(path, { force: true });
}

/** The policy holds a start back once; without this the services would start at the next boot. */
function disableServices(units) {
  if (units.length === 0) return;
  if (existsSync('/run/systemd/system')) {
    spawnSync('systemctl', ['disable', '--now', '--quiet', ...units], { stdio: 'ignore' });
  } else {
    for (const unit of units) spawnSync('update-rc.d', [unit, 'disable'], { stdio: 'ignore' });
  }
}

async function bringInNpmPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const present = existsSync(lockStamp) ? readFileSync(lockStamp, 'utf8').trim() : '';
  if (present !== wanted) {
    console.log(
      `Bringing in npm packages: Node 26 and the libraries of package-lock.json (${present ? 'it has changed' : 'first run'})`,
    );
    const env = { ...process.env };
    // A run of npm inside a run of npm must not take the outer one's settings for its own.
    for (const key of Object.keys(env)) if (key.startsWith('npm_')) delete env[key];
    await step('npm ci', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], env);
    verifyNode26();
    writeFileSync(lockStamp, `${wanted}\n`);
  } else if (!existsSync(nodeBinary)) {
    verifyNode26();
  }
}

function verifyNode26() {
  const installer = join(root, 'node_modules/node/installArchSpecificPackage.js');
  if (!existsSync(nodeBinary) && existsSync(installer)) {
    // Install scripts may be switched off on this machine (ignore-scripts); this is the one that matters.
    spawnSync(process.execPath, [installer], { cwd: join(root, 'node_modules/node'), stdio: 'ignore' });
  }
  const probe = spawnSync(nodeBinary, ['--version'], { encoding: 'utf8' });
  if (probe.status !== 0 || !probe.stdout.startsWith('v26.')) {
    throw new SetupError(
      `the npm package \`node\` did not put a working Node 26 at ${nodeBinary} (${probe.error?.message ?? probe.stderr?.trim() ?? 'no output'}).\n` +
        `Allow its install script (npm config set ignore-scripts false) and repair with: rm -rf node_modules && npm ci`,
    );
  }
}

/** Runs one program quietly, tells how long it has taken so far, and shows its last lines when it fails. */
async function step(title, file, args, env) {
  const folder = mkdtempSync(join(tmpdir(), 'protect-setup-'));
  const logPath = join(folder, 'log');
  const log = openSync(logPath, 'w');
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const ticker = setInterval(() => console.log(`  ${title} … ${seconds()}`), 2000);
  try {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', log, log] });
    const outcome = await ended(child);
    if (outcome !== 0) {
      const tail = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-25).join('\n');
      throw new SetupError(`${title} failed (${file} ${args.join(' ')}: exit ${outcome}):\n${tail}`);
    }
    console.log(`  ${title}: done in ${seconds()}`);
  } finally {
    clearInterval(ticker);
    closeSync(log);
    rmSync(folder, { recursive: true, force: true });
  }
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

async function runOnNode26(script, args) {
  if (!existsSync(nodeBinary)) throw new SetupError(`${nodeBinary} is missing; run npm start once`);
  const env = {
    ...process.env,
    PATH: [join(root, 'node_modules/.bin'), process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'].join(
      delimiter,
    ),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/node-compile'),
  };
  const child = spawn(nodeBinary, [join(root, script), ...args], { cwd: root, env, stdio: 'inherit' });
  // A terminal signals the child as well; a signal sent to this process alone must reach it too.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return ended(child);
}

main().catch((error) => {
  console.error(error instanceof SetupError ? `protect: ${error.message}` : error);
  process.exitCode = 1;
});
