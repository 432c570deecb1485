"""What is wrong between a catalog and the sources as they are, before anybody exports."""
