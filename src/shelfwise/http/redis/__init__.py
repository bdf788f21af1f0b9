"""What several processes share through Redis; without it, or while it is down, each keeps its own."""
