"""What is measured of rankings and lists, and the statistics of it."""
