"""What the machine gives: processor features, threads, compiled loops."""
