"""The report of a search: results -> analysis -> tables, figures and sentences -> files."""
