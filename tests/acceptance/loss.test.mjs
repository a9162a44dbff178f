// No acknowledged log line is lost: numbered lines, kill -9 of the server and of its telemetry process, clean ends,
// and a disk that runs full. The same proof at length: `node bench/telemetry/loss.mjs`, or `./test --long`.
//
// ANDON_LOSS_KILLS says how often (5), ANDON_LOSS_FULL_DISKS how often the disk runs full (1; root alone),
// ANDON_SEED plays a run again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveNoLoss } from '../../bench/telemetry/loss.mjs';

const KILLS = Number(process.env.ANDON_LOSS_KILLS ?? 5);
const FULL_DISKS = Number(process.env.ANDON_LOSS_FULL_DISKS ?? 1);

test('no acknowledged log line is lost, and none is there twice that was not sent twice', async (t) => {
  const { wrong, senders, ...found } = await proveNoLoss({ kills: KILLS, fullDisk: FULL_DISKS, log: (text) => t.diagnostic(text) });
  t.diagnostic(JSON.stringify(found));
  assert.deepEqual(wrong, [], `ANDON_SEED=${found.seed} plays the same moments again`);
  assert.equal(found.missing, 0);
  assert.ok(found.kills >= KILLS && found.acknowledged > 1_000, `${found.kills} kills, ${found.acknowledged} lines`);
  for (const { sender, acknowledged } of senders) assert.ok(acknowledged > 0, `${sender} was heard`);
});
