"""The memory: rows inside, values outside."""
