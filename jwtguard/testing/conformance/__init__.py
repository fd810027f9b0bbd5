"""The suites that adapters and stores must pass. They need pytest."""
