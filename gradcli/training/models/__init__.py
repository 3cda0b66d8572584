"""What was trained, read back and computed for new rows."""
