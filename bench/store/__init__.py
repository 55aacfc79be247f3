"""The run store: runs on disk, their leases and checksums."""
