"""What tools and commands do: plain functions over the store."""
