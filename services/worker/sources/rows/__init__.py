"""What all sources share: typing, filtering, masking and counting rows."""
