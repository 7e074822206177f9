"""What the hub keeps: metadata and skill folders."""
