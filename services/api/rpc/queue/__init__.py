"""JobQueueService: the calls of workers."""
