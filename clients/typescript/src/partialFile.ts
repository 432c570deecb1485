// A file on its way to the disk: what has arrived stays in `<path>.<first 16 digits of its sha256>.part`.

import { createHash, type Hash } from "node:crypto";
import { link, lstat, open, readFile, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { ExportdError } from "./errors.js";
import type { File } from "./gen/exportd/v1/export_pb.js";

const BLOCK_BYTES = 1024 * 1024;

/** The bytes of one file that have arrived. Its name binds them to the file: no other one goes on with them. */
export class Part {
  size = 0;
  #hash: Hash = createHash("sha256");

  private constructor(
    readonly path: string,
    readonly file: File,
    readonly overwrite: boolean,
    private readonly handle: FileHandle,
  ) {}

  /** With the bytes that are there already. Throws when another process is downloading the same file to the same path. */
  static async open(path: string, file: File, overwrite: boolean): Promise<Part> {
    if (!overwrite && (await exists(path))) throw taken(path);
    const name = partPath(path, file);
    await lock(name);
    const part = new Part(path, file, overwrite, await open(name, "a+"));
    try {
      await part.#takeUp();
    } catch (error) {
      await part.close();
      throw error;
    }
    return part;
  }

  async append(data: Uint8Array): Promise<void> {
    await this.handle.appendFile(data);
    this.#hash.update(data);
    this.size += data.length;
  }

  /** Makes the part the file, durably. Throws DATA_LOSS when it is not whole. */
  async finish(): Promise<void> {
    if (BigInt(this.size) !== this.file.sizeBytes || this.#hash.digest("hex") !== this.file.sha256) {
      throw damaged(`${basename(this.path)} arrived damaged: its sha256 is another one; download it again`);
    }
    await this.handle.sync();
    const part = partPath(this.path, this.file);
    if (this.overwrite) return rename(part, this.path);
    // Unlike a rename it never replaces what somebody put there meanwhile.
    await link(part, this.path);
    await unlink(part);
  }

  /** Removes what has arrived, so that the next download begins at the start. */
  async discard(): Promise<void> {
    await unlink(partPath(this.path, this.file));
  }

  /** Lets go of the part and leaves it on disk. */
  async close(): Promise<void> {
    await this.handle.close();
    await unlink(`${partPath(this.path, this.file)}.lock`);
  }

  async #takeUp(): Promise<void> {
    const block = new Uint8Array(BLOCK_BYTES);
    for (;;) {
      const { bytesRead } = await this.handle.read(block, 0, BLOCK_BYTES, this.size);
      if (!bytesRead) break;
      this.#hash.update(block.subarray(0, bytesRead));
      this.size += bytesRead;
    }
    if (BigInt(this.size) <= this.file.sizeBytes) return;
    await this.handle.truncate(0);
    this.#hash = createHash("sha256");
    this.size = 0;
  }
}

/** Where the bytes of `file` are gathered before they become `path`. */
export function partPath(path: string, file: File): string {
  if (!/^[0-9a-f]{64}$/.test(file.sha256)) throw damaged("the service states no sha256 for the file: it can't be verified");
  return `${path}.${file.sha256.slice(0, 16)}.part`;
}

/** `path`, or in a directory the name that the service suggests, which is never a path. */
export async function destination(path: string, file: File): Promise<string> {
  const place = await stat(path).catch(() => undefined);
  return place?.isDirectory() ? join(path, safeName(file)) : join(dirname(path), basename(path));
}

export function safeName(file: File): string {
  for (const suggestion of [file.filename, `${file.id}.${file.extension}`]) {
    const name = suggestion.replace(/\p{C}/gu, "").split(/[/\\]/).at(-1)?.replace(/^[ .]+|[ .]+$/g, "");
    if (name) return name;
  }
  return "export";
}

/** The error for bytes that are not those announced. */
export function damaged(message: string): ExportdError {
  return new ExportdError(message, { code: "DATA_LOSS" });
}

// Node.js has no locks of files: a file with the number of the process that writes stands for one.
async function lock(part: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = await open(`${part}.lock`, "wx");
      await file.writeFile(`${process.pid}`);
      return await file.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(await readFile(`${part}.lock`, "utf8").catch(() => ""));
      if (!holder || holder === process.pid || isAlive(holder)) throw new Error(`${part} is being written by another download`);
      await unlink(`${part}.lock`);
    }
  }
  throw new Error(`${part} is being written by another download`);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function taken(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} exists already`), { code: "EEXIST", path });
}
