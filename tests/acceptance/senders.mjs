// Programs of others that send lines, installed once into the user's cache and unmodified, and the guides
// that say how to set them up: what a guide shows is what a test runs.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { run, spawnOwned } from './server.mjs';

const HERE = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const CACHE = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'andon', 'senders');
const INSTALL_MS = 600_000;

/** Makes a folder of the cache once, and again when what it is made from changes. */
async function cached(name, from, make) {
  const folder = path.join(CACHE, name);
  const done = path.join(folder, `complete-${createHash('sha256').update(from).digest('hex').slice(0, 16)}`);
  if (existsSync(done)) return folder;
  // What broke off in the middle is not mended.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await make(folder);
  writeFileSync(done, '');
  return folder;
}

async function must(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, { limitMs: INSTALL_MS, ...options });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr.slice(-2_000)}`);
  return stdout;
}

/** Gives a Python with packages; each set of packages has a name of its own. */
export async function python(packages, name = 'python-venv') {
  const folder = await cached(name, packages.join('\n'), async (made) => {
    await must('python3', ['-m', 'venv', made]);
    await must(path.join(made, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  });
  return path.join(folder, 'bin', 'python');
}

/** The packages of all Python senders: one environment serves all tests. */
export const PYTHON = ['graypy==2.1.0', 'pygelf==0.4.3', 'elasticsearch==9.5.1', 'python-logging-loki==0.3.1'];

/** Gives a folder whose node_modules has packages; each set of packages has a name of its own. */
export async function nodeModules(packages, name = 'node') {
  return cached(name, packages.join('\n'), async (made) => {
    writeFileSync(path.join(made, 'package.json'), '{"private": true}');
    await must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], { cwd: made });
  });
}

const DEBIAN = ['rsyslog', 'rsyslog-gnutls', 'rsyslog-elasticsearch', 'libestr0', 'libfastjson4', 'liblognorm5',
  'syslog-ng-core', 'syslog-ng-mod-http', 'syslog-ng-scl', 'libivykis0', 'libnet1', 'libwrap0', 'libpcre3', 'libjson-c5'];

/**
 * Unpacks rsyslog and syslog-ng beside each other, without installing them: Debian allows only one of them
 * per machine, and neither should run here as a service.
 */
async function debian() {
  const folder = await cached('debian', DEBIAN.join('\n'), async (made) => {
    const fetched = await run('apt-get', ['download', ...DEBIAN], { cwd: made, limitMs: INSTALL_MS });
    if (fetched.code !== 0) {
      await must('apt-get', ['update', '-qq'], { cwd: made });
      await must('apt-get', ['download', ...DEBIAN], { cwd: made });
    }
    for (const file of readdirSync(made).filter((name) => name.endsWith('.deb'))) await must('dpkg', ['-x', file, 'root'], { cwd: made });
  });
  return path.join(folder, 'root');
}

/** Where Debian keeps libraries on this machine, for example `x86_64-linux-gnu`. */
function libraries(root) {
  return readdirSync(path.join(root, 'usr/lib')).find((name) => name.endsWith('-linux-gnu'));
}

function environment(root) {
  const triple = libraries(root);
  const folders = [`usr/lib/${triple}`, `lib/${triple}`, 'usr/lib/syslog-ng'].map((name) => path.join(root, name));
  return { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
}

/** Starts rsyslog with actions of a guide; what is logged to the given socket reaches them. */
export async function rsyslog(folder, socket, actions) {
  const root = await debian();
  const file = path.join(folder, 'rsyslog.conf');
  writeFileSync(file, `
global(workDirectory="${folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${socket}" RateLimit.Interval="0")
${actions}
`);
  const modules = path.join(root, 'usr/lib', libraries(root), 'rsyslog');
  return started(path.join(root, 'usr/sbin/rsyslogd'), ['-n', '-f', file, '-i', path.join(folder, 'rsyslog.pid'), '-M', modules], root, socket);
}

/** Starts syslog-ng with destinations of a guide. */
export async function syslogNg(folder, socket, destinations, names) {
  const root = await debian();
  const file = path.join(folder, 'syslog-ng.conf');
  const scl = path.join(root, 'usr/share/syslog-ng/include/scl/*/*.conf');
  const logs = names.map((name) => `log { source(s_src); destination(${name}); };`).join('\n');
  writeFileSync(file, `@version: 3.38
@define scl-root "${path.join(root, 'usr/share/syslog-ng/include/scl')}"
@include "${scl}"
source s_src { unix-dgram("${socket}"); };
${destinations}
${logs}
`);
  const version = readdirSync(path.join(root, 'usr/lib/syslog-ng')).find((name) => /^\d/.test(name));
  const state = ['-R', path.join(folder, 'syslog-ng.persist'), '-c', path.join(folder, 'syslog-ng.ctl'), '-p', path.join(folder, 'syslog-ng.pid')];
  const args = ['-F', '-f', file, '--no-caps', '--module-path', path.join(root, 'usr/lib/syslog-ng', version), ...state];
  return started(path.join(root, 'usr/sbin/syslog-ng'), args, root, socket);
}

async function started(program, args, root, socket) {
  const pieces = [];
  const child = spawnOwned(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(root), cwd: path.dirname(socket) });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => pieces.push(piece));
  child.said = () => Buffer.concat(pieces).toString('utf8');
  child.stop = () => { child.kill('SIGTERM'); return child.ended; };
  return child;
}

/** Gives a block of a guide by the words behind its opening fence, for example `rsyslog tcp`. */
export function block(guide, words) {
  const text = readFileSync(path.join(HERE, '../../docs/guides', guide), 'utf8');
  const found = text.split('\n```').map((part) => part.replace(/^`*/, '')).find((part) => part.startsWith(`${words}\n`));
  assert.ok(found, `${guide} has no block \`${words}\``);
  return found.slice(words.length + 1);
}

/** Puts the addresses and secrets of a test where a guide has its examples; each must be there. */
export function filled(text, replacements) {
  let result = text;
  for (const [from, to] of replacements) {
    assert.ok(result.includes(from), `the guide does not say ${from}:\n${text}`);
    result = result.replaceAll(from, to);
  }
  return result;
}

/** Makes a certificate authority and a server certificate for a name and this machine. */
export async function certificates(folder, name) {
  const file = (base) => path.join(folder, base);
  const openssl = (...args) => must('openssl', args, { cwd: folder });
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=andon test authority', '-keyout', 'ca.key', '-out', 'ca.pem',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', 'server.key', '-out', 'server.csr');
  writeFileSync(file('server.ext'), `subjectAltName=DNS:${name},IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`);
  await openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'server.ext', '-out', 'server.pem');
  return { authority: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') };
}

/** Finds lines by a search; the newest first. */
export async function find(server, query, limit = 1_000) {
  return (await server.get(`/api/v1/logs?query=${encodeURIComponent(query)}&since=8760h&until=${encodeURIComponent('2100-01-01T00:00:00Z')}&limit=${limit}`)).rows;
}

/** Gives the counters of an input, added up over its addresses. */
export async function counters(server, input) {
  const items = await server.andonJson(['telemetry', 'senders', '--input', input]);
  const sum = { accepted: 0, bytes: 0, truncated: 0, refused: {}, items };
  for (const item of items) {
    for (const name of ['accepted', 'bytes', 'truncated']) sum[name] += item[name];
    for (const [code, count] of Object.entries(item.refused)) sum.refused[code] = (sum.refused[code] ?? 0) + count;
  }
  return sum;
}
