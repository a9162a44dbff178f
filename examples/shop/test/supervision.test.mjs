// What happens to the shop's processes when things go wrong around them.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { lives, TestShop, until } from './support/shop.mjs';

test('no process is left behind when the supervisor is killed, and the shop opens again as it was', async () => {
  const shop = await TestShop.start({});
  await shop.must('commit', 'payments', '2');
  await shop.must('build', 'payments', '2');
  await shop.must('switch', 'payments', '2');
  const { processes } = await shop.status();
  shop.process.kill('SIGKILL');
  await shop.exited;
  await until('the children to end', () => processes.every(({ pid }) => !lives(pid)));

  const again = await TestShop.start({ SHOP_DIR: shop.dir, SHOP_PORT: String(shop.base) });
  try {
    assert.equal((await again.status('payments')).version, '2');
    assert.equal(await again.must('previous', 'payments'), '1');
  } finally {
    await again.close();
    rmSync(shop.dir, { recursive: true, force: true });
  }
});

test('a mistake at the keyboard is answered with what to do', async () => {
  const shop = Object.assign(new TestShop(), { env: { ...process.env, SHOP_DIR: '/nonexistent' } });
  for (const [args, message] of [
    [['commit', 'paymnts', '2'], /the services are payments, checkout, storefront/],
    [['commit', 'payments', '9'], /no version "9" of payments/],
    [['commit', 'payments', '../../1'], /no version/],
    [['switch', 'payments', '1'], /start it with: shop.mjs up/],
    [['frobnicate'], /^usage:/],
    [['up', '--loud'], /usage:/],
  ]) {
    const { code, stderr } = await shop.run(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, message);
  }
});
