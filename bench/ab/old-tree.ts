// An older commit, built in a git worktree of its own in a temporary folder, with this tree's node_modules linked.
// Invariant: remove() leaves neither the folder nor git's note of it, however far it had come.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, unlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

export interface OldTree {
  /** Short hash. */
  readonly commit: string;
  /** Its built dist/cli/main.js. */
  readonly main: string;
  remove(): Promise<void>;
}

/** @throws Error when git does not know the ref or the build fails; nothing is left then. */
export async function buildOldTree(ref: string, signal: AbortSignal): Promise<OldTree> {
  const git = async (...args: string[]) => (await run('git', args, { cwd: ROOT, signal })).stdout.trim();
  const commit = await git('rev-parse', '--short', '--verify', '--end-of-options', `${ref}^{commit}`);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-ab-'));
  const tree = path.join(folder, 'tree');
  const modules = path.join(tree, 'node_modules');
  const remove = async (): Promise<void> => {
    // The link first, so that nothing that removes the tree can follow it.
    await unlink(modules).catch(ignoreMissing);
    await rm(folder, { recursive: true, force: true });
    // Fails when the worktree was never added: nothing to forget then.
    await run('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT }).catch(() => {});
  };
  try {
    await git('worktree', 'add', '--quiet', '--detach', tree, commit);
    await symlink(path.join(ROOT, 'node_modules'), modules, 'dir');
    await run('npm', ['run', 'build', '--silent'], { cwd: tree, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return { commit, main: path.join(tree, 'dist/cli/main.js'), remove };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
