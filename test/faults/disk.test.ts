import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, test } from 'vitest';
import { expectNoViolations } from './judge.ts';
import { run } from './run.ts';
import { POOLS, size } from './sizes.ts';
import { createStage } from './stage.ts';

/** A separate file system of 64 MB, or null if this process may not mount one. */
function mountSmall(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'ambit-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
}

/** Writes until the disk is full. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  const full = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'ENOSPC') throw error;
  };
  // When a large write fails, a small one may still succeed.
  for (const bytes of [65_536, 512])
    for (let isFull = false; !isFull; )
      await file.write(Buffer.alloc(bytes)).catch((error) => {
        full(error);
        isFull = true;
      });
  await file.close();
}

const disk = mountSmall();

describe.skipIf(disk === null)('needs mount: a database on a small disk', async () => {
  if (disk === null) return;
  const folder = join(disk, 'data');
  const unmount = (): void => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  };
  // Registered first, so it runs last.
  afterAll(unmount);
  const stage = await createStage({ data: folder, pools: POOLS.slice(size(-1, 0)) }).catch((error) => {
    unmount();
    throw error;
  });

  test('mutations fail with UNAVAILABLE while the disk is full, and succeed when there is space again', {
    timeout: 120_000,
  }, async () => {
    const ballast = join(disk, 'ballast');
    const outcomes = await run(stage, {
      name: '7 the disk is full',
      rounds: size(1, 2),
      async inflict() {
        await fill(ballast);
        await sleep(size(1_500, 4_000));
        await rm(ballast);
      },
    });
    expectNoViolations(outcomes, { codes: ({ action }) => (action ? ['UNAVAILABLE'] : []), seen: 'UNAVAILABLE' });
  });
});
