"""Where rows come from: one kind, one file."""
