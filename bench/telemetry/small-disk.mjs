// A small file system that can be filled without harm to anything else; only root may make one.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import { newFolder, removeFolder } from '../../tests/acceptance/server.mjs';

const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export class SmallDisk {
  /** Mounts one of about this size: ext4 in a file where loops work, else memory. Nothing where neither may be. */
  static mount(megabytes) {
    const place = newFolder('small-disk');
    const folder = newFolder('small-mount');
    const image = path.join(place, 'image');
    const descriptor = openSync(image, 'w');
    ftruncateSync(descriptor, megabytes << 20);
    closeSync(descriptor);
    // Without blocks set aside for root, who would otherwise never see a full disk.
    if (succeeds('mkfs.ext4', ['-q', '-F', '-m', '0', image]) && succeeds('mount', ['-o', 'loop', image, folder])) return new SmallDisk(folder, place, 'ext4');
    removeFolder(place);
    if (succeeds('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])) return new SmallDisk(folder, undefined, 'tmpfs');
    removeFolder(folder);
    return undefined;
  }

  constructor(folder, place, kind) {
    Object.assign(this, { folder, place, kind });
    this.ballast = path.join(folder, 'ballast');
    this.onExit = () => this.unmount();
    process.on('exit', this.onExit);
  }

  freeBytes() {
    const told = statfsSync(this.folder);
    return told.bavail * told.bsize;
  }

  /** Takes all that is free, as another program on the same disk may. */
  fill() {
    const descriptor = openSync(this.ballast, 'a');
    const piece = Buffer.alloc(1 << 20, 1);
    for (let size = piece.length; size >= 4_096;) {
      try {
        writeSync(descriptor, piece, 0, size);
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
        size >>= 1;
      }
    }
    closeSync(descriptor);
  }

  /** Gives back what was taken. */
  relieve() {
    if (existsSync(this.ballast)) rmSync(this.ballast);
  }

  unmount() {
    if (!this.folder) return;
    spawnSync('umount', [this.folder]);
    spawnSync('umount', ['--lazy', this.folder]);
    removeFolder(this.folder);
    if (this.place) removeFolder(this.place);
    this.folder = undefined;
    process.off('exit', this.onExit);
  }
}
