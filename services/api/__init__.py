"""The api: ExportService for callers, JobQueueService for workers, and the queue between them."""
