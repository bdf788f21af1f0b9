"""``shelfwise demo``: both services on real sales, from nothing, in under a minute."""
