"""Files, versions, checkpoints and databases: everything that must survive a crash."""
