// A full disk: what does not fit is refused with its reason, nothing acknowledged is lost, logs leave room for
// paging and the andon, and everything goes on by itself once there is room.
//
// It needs a small file system of its own, which only root may mount.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { organisation } from './organisation.mjs';
import { Receiver } from './receiver.mjs';
import { Server, freePort, newFolder, removeFolder, until } from './server.mjs';

const DISK_MIB = 96;
const BALLAST_MIB = 24;

let folder;

/** Mounts a small file system, where this user may. */
function mountSmallDisk() {
  folder = newFolder('disk');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder]);
  if (mounted.status === 0) return true;
  removeFolder(folder);
  folder = undefined;
  return false;
}

function unmount() {
  if (folder) spawnSync('umount', ['--lazy', folder]);
  folder = undefined;
}
process.on('exit', unmount);

const isMounted = mountSmallDisk();
const skip = isMounted ? false : 'no small file system can be mounted here: run it as root';

describe('a full disk', { skip }, () => {
  let [receiver, server, acknowledged] = [undefined, undefined, 0];
  const freeBytes = () => {
    const told = statfsSync(folder);
    return told.bavail * told.bsize;
  };
  const ballast = () => path.join(folder, 'ballast');
  /** Takes all that is free, as another program on the same disk may; the server's own log lies there too. */
  const fill = (file) => {
    for (let size = freeBytes(); size >= 4_096; size = freeBytes()) {
      try {
        writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
    }
  };

  before(async () => {
    writeFileSync(ballast(), Buffer.alloc(BALLAST_MIB << 20));
    receiver = await Receiver.open();
    server = new Server(folder, await freePort(), [], {});
    server.spawn();
    await server.ready();
    await server.apply(organisation(receiver.url));
  });

  after(async () => {
    await server?.kill();
    server?.agent.destroy();
    await receiver?.close();
    const kept = folder;
    unmount();
    if (kept) removeFolder(kept);
  });

  const write = (lines) => {
    const line = JSON.stringify({ service: 'disk', message: 'x'.repeat(1_000) });
    return server.call('POST', '/api/v1/ingest/ndjson', Array.from({ length: lines }, () => line).join('\n'));
  };
  const put = (name) => server.call('PUT', `/api/v1/components/${name}`, {
    apiVersion: 'backstage.io/v1alpha1', kind: 'Component', metadata: { name, description: 'x'.repeat(50_000) }, spec: { type: 'service', lifecycle: 'production', owner: 'payments-team' },
  });
  const alert = (id) => server.call('POST', '/api/v2/alerts', [{ labels: { alertname: 'Slow', id, service: 'payments' } }]);
  const lines = async () => (await server.sql("select count(*) as n from logs where service = 'disk'"))[0].n;

  function assertFull(answer) {
    assert.equal(answer.status, 507, answer.text);
    assert.equal(answer.body.code, 'SYS-0003');
    assert.match(answer.body.detail, /no room/);
  }

  test('logs are refused before they have taken all of it, and say so', async () => {
    let refused;
    while (!refused) {
      const answer = await write(500);
      if (answer.status === 200) acknowledged += answer.body.accepted;
      else refused = answer;
    }
    assertFull(refused);
    assert.equal(refused.body.facts.soFar.accepted, 0);
    assert.ok(acknowledged > 10_000, `${acknowledged} lines fitted`);
    assert.equal(await lines(), acknowledged);
    const { stdout } = await server.andon(['status']);
    assert.match(stdout, /no room/);
  });

  test('meanwhile people are paged and the andon can be pulled', async () => {
    assert.equal((await alert('beside-logs')).status, 200);
    await until('somebody is paged', () => receiver.about('id', 'beside-logs').length === 1);
    const andon = await server.api('POST', '/api/v1/andons', { scope: 'payments', reason: 'they were charged twice' });
    assert.equal((await server.andon(['check', '--scope', 'payments'])).code, 1);
    await server.api('POST', `/api/v1/andons/${andon.metadata.name}/release`, { countermeasure: 'none was needed' });
  });

  test('with no byte left every write is refused whole, and reading goes on', async () => {
    const filler = path.join(folder, 'filler');
    fill(filler);
    const components = (await server.get('/api/v1/components')).total;
    let stored = 0;
    let refused;
    // The database may have room of its own for a while.
    while (!refused) {
      const answer = await put(`filling-${stored}`);
      if (answer.status < 300) stored += 1;
      else refused = answer;
    }
    assertFull(refused);
    assertFull(await write(1));
    assert.equal((await server.call('GET', '/readyz', undefined, { token: null })).status, 200);
    assert.equal((await server.get('/api/v1/components')).total, components + stored);
    assert.equal(await lines(), acknowledged);
    rmSync(filler);
  });

  test('once there is room everything goes on by itself, and nothing is lost', async () => {
    rmSync(ballast());
    await until('lines are taken again', async () => {
      const answer = await write(10);
      if (answer.status === 200) acknowledged += answer.body.accepted;
      return answer.status === 200;
    });
    assert.ok((await put('after')).status < 300);
    assert.equal((await alert('after')).status, 200);
    await until('somebody is paged', () => receiver.about('id', 'after').length === 1);
    assert.equal(await lines(), acknowledged);
    assert.equal((await server.andonJson(['audit', 'verify'])).ok, true);
    await server.kill();
    await server.restart();
    assert.equal(await lines(), acknowledged);
    assert.equal((await server.andonJson(['audit', 'verify'])).ok, true);
    assert.equal((await server.get('/api/v1/components/after')).metadata.name, 'after');
  });

  test('a server starts on a full disk, and says what it cannot do', async () => {
    await server.kill();
    fill(ballast());
    await server.restart();
    assert.equal(await lines(), acknowledged);
    assertFull(await write(1));
    rmSync(ballast());
    await until('lines are taken again', async () => (await write(1)).status === 200);
  });
});
