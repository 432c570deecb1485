// What a caller names to download it.

import type { Export, File } from "./gen/exportd/v1/export_pb.js";

/** What to download: the id of an export, an export, or a file. */
export type Source = string | Export | File;

export function isFile(source: Source): source is File {
  return typeof source !== "string" && source.$typeName === "exportd.v1.File";
}

/** The source as a field of a request. */
export function sourceField(source: Source): { case: "fileId" | "exportId"; value: string } {
  const id = typeof source === "string" ? source : source.id;
  return { case: isFile(source) ? "fileId" : "exportId", value: id };
}
