"""Access: what a route requires, and rules by path."""
