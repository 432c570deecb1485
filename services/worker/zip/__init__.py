"""The one ZIP appender: workbooks and bundles are written with it."""
