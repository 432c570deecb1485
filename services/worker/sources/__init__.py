"""Where rows and attachments come from: a folder a kind, and one table of kinds."""
