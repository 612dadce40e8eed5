"""What the tests share: small worlds, processes, servers."""
