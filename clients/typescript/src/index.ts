// The client of exportd for Node.js: ExportClient, its errors, and the messages of the public API.

export { ExportClient, stateName } from "./client.js";
export type { CreateOptions, FormatName, ListOptions, StateName, WatchOptions } from "./client.js";
export type { Download, DownloadOptions, StreamOptions } from "./download.js";
export { ExportdError } from "./errors.js";
export type { Reason, Violation } from "./errors.js";
export * from "./gen/exportd/v1/export_pb.js";
export type { Collection, CollectionColumn, GetDownloadUrlResponse, PathParameter } from "./gen/exportd/v1/export_service_pb.js";
export { ErrorReason } from "./gen/exportd/v1/error_reason_pb.js";
export type { CreateDownloadLinkResponse, DownloadLink } from "./gen/exportd/v1/link_service_pb.js";
export type { CallOptions, ClientOptions } from "./line.js";
export type { DownloadLinks, LinkOptions } from "./links.js";
export type { Patience } from "./patience.js";
export type { Source } from "./source.js";
