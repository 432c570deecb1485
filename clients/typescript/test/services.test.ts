// The client against the real services: EXPORTD_TARGET is an api with a worker, on the sample data.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { ExportClient, ExportdError, stateName, type Export } from "../dist/index.js";
import { breakingRelay } from "./relay.ts";

const target = process.env["EXPORTD_TARGET"]!;
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const rejectsWith = (code: string, reason: string) => (error: unknown) =>
  error instanceof ExportdError && error.code === code && error.reason === reason;

describe("ExportClient", () => {
  let client: ExportClient;
  let folder: string;
  let flights: Export;

  before(async () => {
    assert.ok(target, "EXPORTD_TARGET names no service");
    client = new ExportClient({ target });
    folder = await mkdtemp(join(tmpdir(), "exportd-"));
    flights = await client.wait((await client.create({ uri: "/flights", format: "csv", labels: { of: "typescript" } })).id);
  });
  after(async () => {
    client.close();
    await rm(folder, { recursive: true });
  });

  it("creates, watches and downloads", async () => {
    const created = await client.create({ uri: "/airports", format: "xlsx", columns: ["faa", { field: "name", header: "Airport" }] });
    assert.equal(stateName(created), "QUEUED");
    const seen: string[] = [];
    let last: Export | undefined;
    for await (last of client.watch(created.id)) seen.push(stateName(last));
    assert.equal(seen.at(-1), "COMPLETED");
    const done: number[] = [];
    const { path, file, resumedAt } = await client.download(last!, folder, { onProgress: (bytes) => done.push(bytes) });
    const content = await readFile(path);
    assert.deepEqual([sha256(content), content.length, resumedAt], [file.sha256, Number(file.sizeBytes), 0]);
    assert.deepEqual([done.at(0), done.at(-1)], [0, content.length]);
    assert.equal(last!.file?.rowCount, 1458n);
  });

  it("goes on with a download that another process began", async () => {
    const path = join(folder, "resumed.csv");
    const whole = await client.download(flights, join(folder, "whole.csv"));
    const content = await readFile(whole.path);
    const half = Math.floor(content.length / 2);
    await writeFile(`${path}.${whole.file.sha256.slice(0, 16)}.part`, content.subarray(0, half));
    const { resumedAt } = await client.download(flights.id, path);
    assert.equal(resumedAt, half);
    assert.ok((await readFile(path)).equals(content));
    assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("resumed")), ["resumed.csv"]);
  });

  it("goes on with downloads and watches when the line breaks", async (test) => {
    const relay = await breakingRelay(target, [3_000_000, 100_000, 5_000_000]);
    test.after(relay.close);
    using through = new ExportClient({ target: relay.target });
    const { path, file } = await through.download(flights, join(folder, "broken.csv"));
    assert.equal(relay.broken, 3);
    assert.equal(sha256(await readFile(path)), file.sha256);

    const short = await breakingRelay(target, [700, 700]);
    test.after(short.close);
    using watching = new ExportClient({ target: short.target });
    const created = await client.create({ uri: "/flights", format: "xlsx" });
    assert.equal(stateName(await watching.wait(created.id)), "COMPLETED");
    assert.ok(short.broken > 0);
  });

  it("streams a part of a file", async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of client.stream(flights, { offset: 3, limit: 10 })) pieces.push(piece);
    const whole = await readFile((await client.download(flights, join(folder, "part.csv"))).path);
    assert.ok(Buffer.concat(pieces).equals(whole.subarray(3, 13)));
  });

  it("does not overwrite when it is told not to", async () => {
    const path = join(folder, "taken.csv");
    await writeFile(path, "mine");
    await assert.rejects(client.download(flights, path, { overwrite: false }), { code: "EEXIST" });
    assert.equal(await readFile(path, "utf8"), "mine");
  });

  it("creates one export for one request id", async () => {
    const request = { type: "Airports", format: "json", requestId: `typescript-${process.pid}` } as const;
    const [first, second] = await Promise.all([client.create(request), client.create(request)]);
    assert.equal(first.id, second.id);
    await assert.rejects(client.create({ ...request, format: "csv" }), rejectsWith("ALREADY_EXISTS", "REQUEST_ID_REUSED"));
  });

  it("tells reason, facts, violations and the id of the request", async () => {
    await assert.rejects(client.create({ type: "Airport" }), (error: unknown) => {
      assert.ok(error instanceof ExportdError);
      assert.deepEqual([error.code, error.reason, error.metadata["nearest"]], ["NOT_FOUND", "COLLECTION_NOT_FOUND", "Airports"]);
      assert.match(error.requestId, /\w/);
      assert.equal(error.passing, false);
      return true;
    });
    await assert.rejects(client.create({ uri: "/flights", columns: ["no", "such"], priority: 77 }), (error: unknown) => {
      assert.ok(error instanceof ExportdError && error.reason === "INVALID_REQUEST");
      assert.ok(error.violations.length >= 3, JSON.stringify(error.violations));
      return error.violations.every(({ field, description }) => field && description);
    });
    await assert.rejects(client.create({ uri: "/flights", format: "xls" as never }), rejectsWith("INVALID_ARGUMENT", "INVALID_REQUEST"));
  });

  it("cancels, lists and deletes", async () => {
    const created = await client.create({ uri: "/numbers", format: "csv", labels: { of: "cancelled" } });
    assert.equal(stateName(await client.cancel(created.id)), "CANCELLED");
    await assert.rejects(client.download(created, join(folder, "none")), rejectsWith("FAILED_PRECONDITION", "EXPORT_CANCELLED"));
    const listed: string[] = [];
    for await (const one of client.list({ states: ["CANCELLED"], labels: { of: "cancelled" } })) listed.push(one.id);
    assert.deepEqual(listed, [created.id]);
    await client.delete(created.id);
    await assert.rejects(client.get(created.id), rejectsWith("NOT_FOUND", "EXPORT_NOT_FOUND"));
  });

  it("shares a file by a link, lists links and revokes them", async () => {
    const { link, token, url } = await client.links.create({ exportId: flights.id, lastsMs: 90_500, maxUses: 2, label: "for Anna" });
    assert.ok(link && token.includes(link.id));
    assert.deepEqual([url, link.label, link.maxUses, link.uses, link.fileId], ["", "for Anna", 2, 0, flights.file!.id]);
    const nanos = (time: { seconds: bigint; nanos: number }) => time.seconds * 1_000_000_000n + BigInt(time.nanos);
    assert.equal(nanos(link.expireTime!) - nanos(link.createTime!), 90_500_000_000n);
    const other = (await client.links.create({ fileId: flights.file!.id })).link!;
    const revoked = await client.links.revoke(link.id);
    assert.ok(revoked.revokeTime);
    assert.deepEqual((await client.links.revoke(link.id)).revokeTime, revoked.revokeTime);
    const listed = new Map<string, boolean>();
    for await (const one of client.links.list(flights.id)) listed.set(one.id, one.revokeTime !== undefined);
    assert.deepEqual([listed.get(link.id), listed.get(other.id)], [true, false]);
    await assert.rejects(client.links.revoke("0".repeat(10)), rejectsWith("NOT_FOUND", "LINK_NOT_FOUND"));
    await assert.rejects(client.links.create({ exportId: flights.id, maxUses: 1001 }), rejectsWith("INVALID_ARGUMENT", "INVALID_REQUEST"));
  });

  it("waits no longer than it is told to, or until it is told to stop", async () => {
    const created = await client.create({ uri: "/numbers", format: "csv" });
    await assert.rejects(client.wait(created.id, { timeoutMs: 300 }), rejectsWith("DEADLINE_EXCEEDED", ""));
    const reason = new Error("enough");
    const stop = new AbortController();
    const waiting = client.wait(created.id, { signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await assert.rejects(waiting, reason);
    await client.cancel(created.id);
  });

  it("describes what can be exported", async () => {
    const codes = (await client.collections()).map(({ type }) => type);
    assert.ok(codes.includes("Flights"));
    assert.ok((await client.collection("Flights")).columns.some(({ field }) => field === "origin"));
  });
});
